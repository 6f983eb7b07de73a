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

/** A normalized statement after which the session is probed. */
export interface Suspect {
  readonly effects: Effects;
  readonly statement: string;
  /** It may have set parameters with unknown names. */
  readonly mayHaveSet: boolean;
}

/** The code of the database that the session's statements may have run. */
export interface SuspectSource {
  readonly hasSuspects: boolean;
  /** Possible names of custom parameters in it, as the client's bytes. */
  readonly names: Iterable<string>;
  /** The statements since the last call. */
  takeSuspects(): readonly Suspect[];
}

/** The session that is probed. */
export interface ProbeOwner {
  readonly pool: { readonly waitingCount: number; readonly user: string };
  readonly connection: ServerConnection | null;
  readonly parameters: SessionParameters;
  readonly pin: SessionPin;
  /** Null while its statements run no code of the database. */
  readonly code: SuspectSource | null;
  /** The leased connection has LISTEN, as the session knows. */
  readonly listensOnLease: boolean;
  /** Names of SQL-level prepared statements that do not need to keep the connection. */
  trackedNames(): readonly string[];
  /** The probe found that the connection listens. */
  mayListen(): void;
  /** Sends complete messages to the client. */
  reply(bytes: Buffer): void;
  /** A probe has followed these statements. */
  probed(suspects: readonly Suspect[]): void;
  /** `what` was found changed after these statements, and none of them shows it. */
  foundHiddenState(what: string, suspects: readonly Suspect[]): void;
}

/**
 * Finds the session state on a server connection: reads back parameters, and queries the catalog for state that pins,
 * or for its end.
 */
export class Probing {
  readonly #owner: ProbeOwner;
  /** Something was released: a pin may have ended. */
  #hasReleased = false;
  /** A pin has ended that may have hidden others. */
  #recheck = false;
  /** Counts statements that pin: a probe that was sent before the newest of them does not include it. */
  #pinning = 0;
  /** In clock milliseconds. */
  #probedAt = 0;
  #isUnderWay = false;
  /** The statements of a probe that a later one repeats: it read values beyond ASCII while the client had sent more. */
  #postponed: readonly Suspect[] | null = null;

  constructor(owner: ProbeOwner) {
    this.#owner = owner;
  }

  /** A probe is running: its findings are not known yet. */
  get isUnderWay(): boolean {
    return this.#isUnderWay;
  }

  /** A statement is about to run that may end the reason for a pin. */
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
    if (this.#postponed !== null) return true;
    if (reason === null) return this.#recheck || parameters.dirty || code?.hasSuspects === true;
    if (!visible.has(reason)) return false;
    const waited = pool.waitingCount > 0 && clock.now > this.#probedAt;
    return this.#hasReleased || waited;
  }

  /** A probe can detect the end of the pin. */
  get seesPin(): boolean {
    const { reason } = this.#owner.pin;
    return reason !== null && visible.has(reason);
  }

  /** Reads back what may have changed, and probes whether the session still needs this connection. */
  run(connection: ServerConnection): void {
    const { code, parameters, pin } = this.#owner;
    const names = [...(code?.names ?? [])];
    const suspects = [...(this.#postponed ?? []), ...(code?.takeSuspects() ?? [])];
    if (suspects.some(({ mayHaveSet }) => mayHaveSet)) parameters.suspect();
    const probes = suspects.length > 0 || pin.reason !== null || this.#recheck;
    this.#hasReleased = false;
    this.#recheck = false;
    this.#probedAt = clock.now;
    this.#query(connection, names, suspects, probes, connection.lease.takeUndone());
  }

  /** Reads back the parameters that statements have set; what else they may have left is probed for later. */
  readBack(connection: ServerConnection): void {
    if (this.#postponed !== null) {
      this.run(connection);
      return;
    }
    const names = [...(this.#owner.code?.names ?? [])];
    // The probe needs to know what may be undone as well.
    this.#query(connection, names, [], false, connection.lease.hasUndone);
  }

  #query(
    connection: ServerConnection,
    names: readonly string[],
    suspects: readonly Suspect[],
    probes: boolean,
    isUndone: boolean,
  ): void {
    const { parameters, pin } = this.#owner;
    const postponed = this.#postponed;
    this.#postponed = null;
    const { dirty } = parameters;
    if (isUndone) parameters.mayBeUndone();
    if (dirty) parameters.startReadBack(names);
    const probe = probes ? [probeSql(this.#owner.trackedNames())] : [];
    const send = (encoded: boolean): void => {
      const sql = disarmedSql(
        [...(dirty ? [parameters.readBackSql(encoded)] : []), ...probe],
        connection.state.reported.get('server_version'),
      );
      // The names of statements are the client's own bytes.
      connection.run(sql, new InternalQuery((answer) => take(answer, encoded)), 'latin1');
    };
    const pinning = this.#pinning;
    this.#isUnderWay = true;
    const take = (answer: InternalAnswer, encoded: boolean): void => {
      if (answer.lost || this.#owner.connection !== connection) return;
      if (dirty && !encoded && isBeyondAscii(answer)) {
        // A request that the client has sent in the meantime may have begun a transaction, in which no query may fail.
        if (connection.pending.length === 0) {
          send(true);
          return;
        }
        this.#isUnderWay = false;
        this.#postponed = suspects;
        connection.lease.hasUndone ||= isUndone;
        if (probes) this.#recheck = true;
        return;
      }
      this.#isUnderWay = false;
      if (answer.error !== null) {
        pin.between(PinReason.Parameters, suspects[0]?.statement ?? '');
        return;
      }
      const { known } = parameters;
      // What was undone shows nothing about a later run.
      if (!isUndone) this.#owner.probed(suspects);
      if (dirty) this.#takeParameters(answer.rows, encoded, connection);
      const before = pin.reason;
      const found = probes ? readProbe(answer.rows) : null;
      if (found !== null && pinning === this.#pinning) this.#take(found, suspects);
      else if (found !== null) this.#hasReleased = true;
      if (parameters.known !== known) this.#reportHidden('parameters', suspects);
      if (before === null && pin.reason !== null) this.#reportHidden(pin.reason, suspects);
    };
    send(postponed !== null);
  }

  /** Determines whether lastval() has a value for the session: if so, only this connection has it. */
  checkSequences(connection: ServerConnection, sequences: SessionSequences): void {
    const { pin } = this.#owner;
    sequences.probe(connection, pin.reason, (holds) => {
      if (this.#owner.connection !== connection) return;
      if (holds && pin.reason === null) pin.between(PinReason.SequenceState, '');
      if (!holds) this.unpin(PinReason.SequenceState);
    });
  }

  /** The reason for the pin has ended, if the session has that pin. */
  unpin(reason: PinReason): void {
    const { pin, parameters } = this.#owner;
    if (pin.reason !== reason) return;
    pin.end(reason, parameters.uncertain);
    // State that arose under a pin that a probe cannot see has not been probed.
    this.#recheck = !visible.has(reason);
  }

  /** The connection is lost, with all state. */
  forget(): void {
    this.#isUnderWay = false;
    this.#postponed = null;
  }

  #takeParameters(
    rows: InternalAnswer['rows'],
    encoded: boolean,
    connection: ServerConnection,
  ): void {
    const { parameters, pool } = this.#owner;
    const read = readTimeouts(withoutProbe(rows));
    const changed = parameters.take(read.rows, read.timeouts, encoded, connection, pool.user);
    parameters.putBack(connection);
    for (const [name, value] of changed) this.#owner.reply(buildParameterStatus(name, value));
  }

  #take(found: Found, suspects: readonly Suspect[]): void {
    let reason: PinReason | null = null;
    for (const [candidate, isThere] of found.pins) if (isThere) reason ??= candidate;
    const { pin } = this.#owner;
    if (found.listens && !this.#owner.listensOnLease) {
      this.#owner.mayListen();
      this.#reportHidden(PinReason.Listen, suspects);
    }
    const before = pin.reason;
    if (reason !== null) {
      if (before === null) pin.between(reason, suspects.at(-1)?.statement ?? '');
    } else if (before !== null && visible.has(before)) this.unpin(before);
  }

  #reportHidden(what: string, suspects: readonly Suspect[]): void {
    if (suspects.length > 0) this.#owner.foundHiddenState(what, suspects);
  }
}
