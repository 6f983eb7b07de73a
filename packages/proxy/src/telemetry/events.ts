import { channel } from 'node:diagnostics_channel';

/**
 * Everything that happens and is worth telling, as diagnostics channels: logs and counters subscribe to them, and
 * a channel without a subscriber costs one comparison. Payloads hold no secret and no parameter value.
 */
export const events = {
  clientConnected: channel('sluice.client.connected'),
  clientLoggedIn: channel('sluice.client.loggedIn'),
  clientLoginFailed: channel('sluice.client.loginFailed'),
  clientClosed: channel('sluice.client.closed'),
  sessionPinned: channel('sluice.session.pinned'),
  sessionUnpinned: channel('sluice.session.unpinned'),
  hiddenStateFound: channel('sluice.session.hiddenStateFound'),
  storedCodeUnread: channel('sluice.database.storedCodeUnread'),
  sequencesAsked: channel('sluice.session.sequencesAsked'),
  listeningLost: channel('sluice.listening.lost'),
  listeningResumed: channel('sluice.listening.resumed'),
  listeningFailed: channel('sluice.listening.failed'),
  cancelRequested: channel('sluice.cancel.requested'),
  databaseConnectionOpened: channel('sluice.databaseConnection.opened'),
  databaseConnectionClosed: channel('sluice.databaseConnection.closed'),
  databaseConnectFailed: channel('sluice.databaseConnection.failed'),
  targetStateChanged: channel('sluice.target.stateChanged'),
  writerDoubted: channel('sluice.writer.doubted'),
  writerLost: channel('sluice.writer.lost'),
  writerFound: channel('sluice.writer.found'),
  firstStatementServed: channel('sluice.writer.firstStatementServed'),
  readersChanged: channel('sluice.readers.changed'),
  targetsNotListed: channel('sluice.targets.notListed'),
  targetDrained: channel('sluice.target.drained'),
  targetUndrained: channel('sluice.target.undrained'),
  paused: channel('sluice.paused'),
  resumed: channel('sluice.resumed'),
  statement: channel('sluice.statement'),
  settingsReloaded: channel('sluice.settings.reloaded'),
  secretsChanged: channel('sluice.secrets.changed'),
  secretsFailed: channel('sluice.secrets.failed'),
  acceptFailed: channel('sluice.endpoint.acceptFailed'),
  draining: channel('sluice.draining'),
} as const;
