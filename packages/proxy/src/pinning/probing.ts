import { buildParameterStatus } from '@sluice/wire';
import type { ServerConnection } from '../backend/server-connection.ts';
import { clock } from '../io/clock.ts';
import { disarmedSql, readTimeouts } from '../parameters/own-timeouts.ts';
import { isBeyondAscii } from '../parameters/session-parameters.ts';
import type { SessionParameters } from '../parameters/session-parameters.ts';
import type { Effects } from '../sql/index.ts';
import { InternalQuery } from '../protocol/internal-query.ts';
import type { InternalAnswer } from '../protocol/internal-query.ts';
import { PinReason } from './pin-reason.ts';
import type { SessionPin } from './session-pin.ts';
import { probeSql, readProbe, visible, withoutProbe } from './session-probe.ts';
import type { Found } from './session-probe.ts';
import type { SessionSequences } from './session-sequences.ts';

/** A statement after which the session is probed, with its literals replaced. */
export interface Suspect {
  readonly effects: Effects;
  readonly statement: string;
  /** It may have set parameters that nothing names. */
  readonly mayHaveSet: boolean;
}

/** The code of the database that the session's statements may have run. */
export interface SuspectSource {
  readonly hasSuspects: boolean;
  /** What may be names of custom parameters in them, as the client's bytes. */
  readonly names: Iterable<string>;
  /** The statements since the last time. */
  takeSuspects(): readonly Suspect[];
}

/** The session that is probed. */
export interface ProbeOwner {
  readonly pool: { readonly waitingCount: number; readonly user: string };
  readonly connection: ServerConnection | null;
  readonly parameters: SessionParameters;
  readonly pin: SessionPin;
  /** Null as long as its statements run no code of the database. */
  readonly code: SuspectSource | null;
  /** The leased connection LISTENs, as the session knows. */
  readonly listensOnLease: boolean;
  /** Names of SQL's PREPARE that need not keep the connection. */
  trackedNames(): readonly string[];
  /** The connection was found to listen. */
  mayListen(): void;
  /** Sends whole messages to the client. */
  reply(bytes: Buffer): void;
  /** `what` was found changed after these statements, none of which announced it. */
  foundHiddenState(what: string, suspects: readonly Suspect[]): void;
}

/**
 * Finds out what a session has left on its server connection: reads back parameters, and looks in the catalogue for what
 * pins, or for the end of it.
 */
export class Probing {
  readonly #owner: ProbeOwner;
  /** Something was given up: a pin may be over. */
  #hasReleased = false;
  /** A pin is over that may have hidden others. */
  #recheck = false;
  /** Counts statements that pin: a probe that was sent before the newest of them says nothing about it. */
  #pinning = 0;
  /** In clock milliseconds. */
  #probedAt = 0;
  #isUnderWay = false;

  constructor(owner: ProbeOwner) {
    this.#owner = owner;
  }

  /** A probe is under way: what it will find is not known yet. */
  get isUnderWay(): boolean {
    return this.#isUnderWay;
  }

  /** A statement is about to run that may end what a pin is for. */
  mayRelease(): void {
    this.#hasReleased = true;
  }

  /** A statement is about to run that pins. */
  mayPin(): void {
    this.#pinning++;
  }

  get isWanted(): boolean {
    const { pin, pool, parameters, code } = this.#owner;
    const { reason } = pin;
    if (reason === null) return this.#recheck || parameters.dirty || code?.hasSuspects === true;
    if (!visible.has(reason)) return false;
    const waited = pool.waitingCount > 0 && clock.now > this.#probedAt;
    return this.#hasReleased || waited;
  }

  /** A probe can see whether the pin is over. */
  get seesPin(): boolean {
    const { reason } = this.#owner.pin;
    return reason !== null && visible.has(reason);
  }

  /** Reads back what may have changed, and looks whether anything still needs this very connection. */
  run(connection: ServerConnection): void {
    const { code, parameters, pin } = this.#owner;
    const names = [...(code?.names ?? [])];
    const suspects = code?.takeSuspects() ?? [];
    if (suspects.some(({ mayHaveSet }) => mayHaveSet)) parameters.suspect();
    const { dirty } = parameters;
    const probes = suspects.length > 0 || pin.reason !== null || this.#recheck;
    if (dirty) parameters.ask(names);
    const probe = probes ? [probeSql(this.#owner.trackedNames())] : [];
    const ask = (encoded: boolean): void => {
      const sql = disarmedSql(
        [...(dirty ? [parameters.askSql(encoded)] : []), ...probe],
        connection.state.reported.get('server_version'),
      );
      // The names of statements are the client's own bytes.
      connection.run(sql, new InternalQuery((answer) => take(answer, encoded)), 'latin1');
    };
    this.#hasReleased = false;
    this.#recheck = false;
    this.#probedAt = clock.now;
    const pinning = this.#pinning;
    this.#isUnderWay = true;
    const take = (answer: InternalAnswer, encoded: boolean): void => {
      if (answer.lost || this.#owner.connection !== connection) return;
      if (dirty && !encoded && isBeyondAscii(answer)) {
        ask(true);
        return;
      }
      this.#isUnderWay = false;
      if (answer.error !== null) {
        pin.between(PinReason.Parameters, suspects[0]?.statement ?? '');
        return;
      }
      const { known } = parameters;
      if (dirty) this.#takeParameters(answer.rows, encoded, connection);
      const before = pin.reason;
      const found = probes ? readProbe(answer.rows) : null;
      if (found !== null && pinning === this.#pinning) this.#take(found, suspects);
      else if (found !== null) this.#hasReleased = true;
      if (parameters.known !== known) this.#tellHidden('parameters', suspects);
      if (before === null && pin.reason !== null) this.#tellHidden(pin.reason, suspects);
    };
    ask(false);
  }

  /** Finds out whether the session could be told of a value by lastval(): then only this connection can tell it. */
  askSequences(connection: ServerConnection, sequences: SessionSequences): void {
    const { pin } = this.#owner;
    sequences.probe(connection, pin.reason, (holds) => {
      if (this.#owner.connection !== connection) return;
      if (holds && pin.reason === null) pin.between(PinReason.SequenceState, '');
      if (!holds) this.unpin(PinReason.SequenceState);
    });
  }

  /** What the session was pinned for is over, if that is its pin. */
  unpin(reason: PinReason): void {
    const { pin, parameters } = this.#owner;
    if (pin.reason !== reason) return;
    pin.end(reason, parameters.uncertain);
    // What came to be while another reason held the connection anyway has not been looked at.
    this.#recheck = !visible.has(reason);
  }

  /** The connection is lost: there is nothing to find any more. */
  forget(): void {
    this.#isUnderWay = false;
  }

  #takeParameters(
    rows: InternalAnswer['rows'],
    encoded: boolean,
    connection: ServerConnection,
  ): void {
    const { parameters, pool } = this.#owner;
    const read = readTimeouts(withoutProbe(rows));
    const told = parameters.take(read.rows, read.timeouts, encoded, connection, pool.user);
    parameters.putBack(connection);
    for (const [name, value] of told) this.#owner.reply(buildParameterStatus(name, value));
  }

  #take(found: Found, suspects: readonly Suspect[]): void {
    let reason: PinReason | null = null;
    for (const [candidate, isThere] of found.pins) if (isThere) reason ??= candidate;
    const { pin } = this.#owner;
    if (found.listens && !this.#owner.listensOnLease) {
      this.#owner.mayListen();
      this.#tellHidden(PinReason.Listen, suspects);
    }
    const before = pin.reason;
    if (reason !== null) {
      if (before === null) pin.between(reason, suspects.at(-1)?.statement ?? '');
    } else if (before !== null && visible.has(before)) this.unpin(before);
  }

  #tellHidden(what: string, suspects: readonly Suspect[]): void {
    if (suspects.length > 0) this.#owner.foundHiddenState(what, suspects);
  }
}
