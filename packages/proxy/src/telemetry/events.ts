import { channel } from 'node:diagnostics_channel';
import type { EventName, EventPayloads } from './event-payloads.ts';

/** A diagnostics channel with a typed payload. */
export interface EventChannel<Payload> {
  readonly hasSubscribers: boolean;
  publish(payload: Payload): void;
  subscribe(listener: (payload: Payload) => void): void;
  unsubscribe(listener: (payload: Payload) => void): void;
}

/** A Node.js channel; its name determines the type of the payload. */
function open<Payload>(name: string): EventChannel<Payload> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the name determines the type of the payload
  return channel(name) as EventChannel<Payload>;
}

type EventChannels = { readonly [Name in EventName]: EventChannel<EventPayloads[Name]> } & {
  /** For tests only, the only event with parameter values: the expected state of the leased connection. */
  readonly leaseBegan: EventChannel<object>;
};

/**
 * All events, as diagnostics channels: logs and counters subscribe to them, and a channel without a subscriber costs
 * one comparison. Payloads contain no secrets and no parameter values.
 */
export const events: EventChannels = {
  clientConnected: open('sluice.client.connected'),
  clientLoggedIn: open('sluice.client.loggedIn'),
  clientLoginFailed: open('sluice.client.loginFailed'),
  clientClosed: open('sluice.client.closed'),
  leaseBegan: open('sluice.session.leaseBegan'),
  sessionPinned: open('sluice.session.pinned'),
  sessionUnpinned: open('sluice.session.unpinned'),
  hiddenStateFound: open('sluice.session.hiddenStateFound'),
  storedCodeUnread: open('sluice.database.storedCodeUnread'),
  customNamesForgotten: open('sluice.pool.customNamesForgotten'),
  sequenceReaderFound: open('sluice.session.sequenceReaderFound'),
  listeningLost: open('sluice.listening.lost'),
  listeningResumed: open('sluice.listening.resumed'),
  listeningFailed: open('sluice.listening.failed'),
  cancelRequested: open('sluice.cancel.requested'),
  serverConnectionOpened: open('sluice.serverConnection.opened'),
  serverConnectionClosed: open('sluice.serverConnection.closed'),
  serverConnectFailed: open('sluice.serverConnection.failed'),
  loginFactsChanged: open('sluice.pool.loginFactsChanged'),
  targetStateChanged: open('sluice.target.stateChanged'),
  writerSuspected: open('sluice.writer.suspected'),
  writerLost: open('sluice.writer.lost'),
  writerFound: open('sluice.writer.found'),
  firstStatementServed: open('sluice.writer.firstStatementServed'),
  readersChanged: open('sluice.readers.changed'),
  targetsNotListed: open('sluice.targets.notListed'),
  targetDrained: open('sluice.target.drained'),
  targetUndrained: open('sluice.target.undrained'),
  paused: open('sluice.paused'),
  resumed: open('sluice.resumed'),
  statement: open('sluice.statement'),
  settingsReloaded: open('sluice.settings.reloaded'),
  secretsChanged: open('sluice.secrets.changed'),
  secretsFailed: open('sluice.secrets.failed'),
  secretsUnread: open('sluice.secrets.unread'),
  authQueryFailed: open('sluice.authQuery.failed'),
  authRuleWarning: open('sluice.authRule.warning'),
  descriptorsUsedUp: open('sluice.descriptors.usedUp'),
  acceptFailed: open('sluice.endpoint.acceptFailed'),
  sessionLimitExceeded: open('sluice.session.limitExceeded'),
  memoryLimitExceeded: open('sluice.memory.limitExceeded'),
  memoryBelowLimit: open('sluice.memory.belowLimit'),
  stalled: open('sluice.stalled'),
  nameUnresolved: open('sluice.name.unresolved'),
  nameResolved: open('sluice.name.resolved'),
  faultCaught: open('sluice.faultCaught'),
  draining: open('sluice.draining'),
};
