import type { Socket } from 'node:net';
import {
  BackendCode,
  TransactionStatus,
  buildErrorResponse,
  buildMessage,
  buildQuery,
  parseErrorFields,
  syncMessage,
  terminateMessage,
} from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import { ProxyError } from '../errors.ts';
import type { ConnectionSource } from '../pool/pool-target.ts';
import { clock } from '../relay/clock.ts';
import { countRead } from '../relay/collector.ts';
import { reader } from '../relay/reader.ts';
import { isNotification } from '../listening/notification.ts';
import { Fate, Owed, OwedReplies, Step, stepOf } from '../relay/owed-replies.ts';
import { toClient, toDatabase } from '../relay/gatherer.ts';
import { ConnectionStatements } from '../session/connection-statements.ts';
import type { OwnNames } from '../session/own-names.ts';
import type { ParameterSet } from '../session/parameter-set.ts';
import { backendNamePrefix, describeMissingStatement } from '../session/statement.ts';
import { destroyedUnnamedStatement, noUnnamedStatement } from '../session/unnamed-statement.ts';
import type { UnnamedStatement } from '../session/unnamed-statement.ts';
import type { Address } from './dial.ts';
import { endsConnection, notServing, rolledBack, tellsOutdatedPlan } from './error-words.ts';
import type { ConnectionLoss, ConnectionOwner, LoanHolder } from './loan.ts';
import type { LoginResult } from './login-result.ts';
import { ProxyRequest } from './proxy-request.ts';
import { isUnfinished } from './unfinished.ts';

/** No message of the protocol is longer: PostgreSQL's own limit for what it sends (PqMaxMsg, 1 GiB). */
const longestMessage = 0x3fffffff;

/** A message that must be looked into is waited for up to this size; a longer one poisons the connection. */
const longestInspected = 16 * 1024 * 1024;

let nextId = 1;

/**
 * A database connection: walks what the database sends, header by header, and hands each byte to whom it is owed.
 *
 * Invariants: nothing is written without its entry in `owed`; a message that nobody is owed closes the connection
 * (poison); the connection goes back to its pool only between groups, outside transactions, with nothing owed.
 */
export class DatabaseConnection {
  readonly id = nextId++;
  readonly socket: Socket;
  readonly owed = new OwedReplies();
  readonly statements: ConnectionStatements;
  readonly processId: number;
  readonly secretKey: Buffer;
  readonly tls: boolean;
  readonly address: Address;
  /** What the database has reported, by name. */
  readonly reported: Map<string, string>;
  readonly createdAt = clock.now;
  /** The parameters that were replayed here last; a session with the same set needs no replay. */
  parameterSet: ParameterSet | null = null;
  /** The status byte of the last ReadyForQuery. */
  status: number = TransactionStatus.Idle;
  /** Extended-protocol messages were sent since the last Sync: an implicit transaction may be open. */
  groupOpen = false;
  /** Statements that the database has under names as a session gave them, for SQL to call; null when there are none. */
  ownNames: OwnNames | null = null;
  /** The unnamed statement that the database has if all goes well with what was sent, by identity. */
  unnamed: UnnamedStatement = noUnnamedStatement;
  /** The one that all answers so far have left. */
  settledUnnamed: UnnamedStatement = noUnnamedStatement;
  /** When ConnectionLifetime is over (clock milliseconds). */
  expiresAt = Infinity;
  /** When the current loan, or the current rest in the pool, began (clock milliseconds). */
  since = clock.now;
  /** The pool's count of changes that outdated plans, as of which the statements here were prepared. */
  plans = 0;
  /** The target that it leads to, and the target's epoch when it was made. */
  readonly source: ConnectionSource;
  readonly epoch: number;
  /** A session has it; the pool counts. */
  onLoan = false;
  /** The pool's generation at login; an older one is not lent again. */
  generation = 0;
  /** Set when the connection must not be lent again, and why. */
  retireReason: string | null = null;
  /** The id of the session that may have drawn from sequences here; 0 for none, -1 for several. */
  drawnBy = 0;
  /** The holder's requests wait until it has done something about its state here. */
  parked = false;
  /** The session left state behind that DISCARD ALL removes. */
  needsReset = false;

  readonly #owner: ConnectionOwner;
  #holder: LoanHolder | null = null;
  #cancelsOnTheWay = 0;
  /** The start of a message whose rest has not arrived. */
  #carry: Buffer | null = null;
  /** Bytes still to come of a message whose beginning was already handed on, and what becomes of them. */
  #bodyLeft = 0;
  #bodyRelayed = false;
  /** The socket has taken all it can: no more requests until `drain`. */
  #full = false;
  #paused = false;
  #closed = false;
  #resting = false;
  #errorSent = false;
  /** The database has said why it closes: an idle time-out is no sign of trouble, and a shutdown was told as one. */
  #saidGoodbye = false;

  constructor(
    login: LoginResult,
    owner: ConnectionOwner,
    statementLimit: number,
    source: ConnectionSource,
  ) {
    this.#owner = owner;
    this.source = source;
    this.epoch = source.epoch;
    this.socket = login.socket;
    this.reported = login.parameters;
    this.processId = login.processId;
    this.secretKey = login.secretKey;
    this.tls = login.tls;
    this.address = login.address;
    this.statements = new ConnectionStatements(statementLimit);
    const socket = this.socket;
    reader((chunk) => this.#onData(chunk))(socket);
    socket.on('drain', () => this.#onDrain());
    socket.on('error', (error: Error) => this.#onGone(error.message));
    socket.on('close', () => this.#onGone('the database closed it'));
    socket.resume();
  }

  get holder(): LoanHolder | null {
    return this.#holder;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** True when nothing of the current loan has been sent, or only what the proxy put in front. */
  get fresh(): boolean {
    return (
      this.status === TransactionStatus.Idle && this.owed.countGroups() === 0 && !this.midGroup
    );
  }

  /** Requests of the extended protocol were sent that no Sync has followed, the proxy's own in front of a group too. */
  get midGroup(): boolean {
    return this.groupOpen || this.owed.endsInGroup;
  }

  get inTransaction(): boolean {
    return this.status !== TransactionStatus.Idle;
  }

  /**
   * True while no request of the session may start: a cancel is on its way, and is meant for what runs now; or the
   * holder has parked its requests.
   */
  get closedToRequests(): boolean {
    return this.#cancelsOnTheWay > 0 || this.parked;
  }

  /** True when no request may be written: the socket is full, or it is closed to requests. */
  get held(): boolean {
    return this.#full || this.closedToRequests;
  }

  /** True while part of a message has gone to the session and the rest has not come. */
  get midReply(): boolean {
    return this.#bodyLeft > 0 && this.#bodyRelayed;
  }

  /** Begins a loan. */
  lend(holder: LoanHolder): void {
    // Bytes still gathered would be another client's: rather no answer than somebody else's.
    if (toClient.bytes > 0 || this.owed.length > 0) throw new Error('lent with answers under way');
    this.#holder = holder;
    this.parked = false;
    this.#resting = false;
    this.since = clock.now;
  }

  /** Writes what was gathered for the database; entries for it stand in `owed` already. */
  flushRequests(): void {
    if (toDatabase.bytes > 0 && !toDatabase.writeTo(this.socket)) this.#full = true;
    if ((this.owed.head & 15) === Owed.Local) {
      this.#answerLocally();
      this.#holder?.flushReplies();
    }
    if (this.owed.length === 0) this.#settle();
  }

  /**
   * Puts a statement of the proxy's own in front of what is gathered next, in a group of its own. With `latin1` each
   * character of `sql` is one byte.
   */
  gather(sql: string, request: ProxyRequest, encoding: 'utf8' | 'latin1' = 'utf8'): void {
    this.owed.append(Owed.Query | Fate.Watch, request);
    // A simple Query destroys the unnamed statement (manual, "Extended Query").
    this.unnamed = this.settledUnnamed = destroyedUnnamedStatement;
    toDatabase.add(buildQuery(sql, encoding));
  }

  /** Runs a statement of the proxy's own at once; its whole answer goes to `request`. */
  run(sql: string, request: ProxyRequest, encoding: 'utf8' | 'latin1' = 'utf8'): void {
    this.gather(sql, request, encoding);
    this.flushRequests();
  }

  /** A cancel for what runs here has been sent out; the connection is not lent on before `cancelPassed`. */
  cancelSent(): void {
    this.#cancelsOnTheWay++;
  }

  /** The database has closed the cancel's own connection, so the signal has been given. */
  cancelPassed(): void {
    this.#cancelsOnTheWay--;
    if (this.#cancelsOnTheWay > 0 || this.#closed) return;
    if (this.#holder !== null) this.#holder.resume();
    this.#settle();
  }

  /** The session has gone: what it is still owed is dropped, its transaction rolled back. */
  abandon(midMessage: boolean): void {
    this.#holder = null;
    this.owed.abandon();
    if (midMessage || this.owed.copyIn) {
      // The database waits for bytes that nobody will send.
      this.close('its client vanished in the middle of a message or of COPY');
      return;
    }
    this.#resumeReading();
    if (this.groupOpen || this.owed.skipping) {
      // Without a Sync the database keeps its answers, and an implicit transaction, for ever. A Sync alone would
      // commit what the client had not asked to commit: a request that must fail goes first.
      this.groupOpen = false;
      this.owed.append(Owed.DescribeStatement | Fate.Abandon);
      this.owed.append(Owed.Sync | Fate.Abandon);
      toDatabase.add(describeMissingStatement);
      toDatabase.add(syncMessage);
      this.flushRequests();
    } else this.#settle();
  }

  /** The holder can take replies again, or cannot. */
  setBlocked(blocked: boolean): void {
    if (!blocked) this.#resumeReading();
    else if (!this.#paused) {
      this.#paused = true;
      this.socket.pause();
    }
  }

  /** The holder lets go by itself, after its pin has gone. Does nothing while something is owed. */
  settle(): void {
    this.#settle();
  }

  /** Closes the connection, telling the database when it is between requests. */
  close(reason: string): void {
    if (this.#closed) return;
    if (this.owed.length === 0 && !this.groupOpen) {
      this.socket.write(terminateMessage);
      this.socket.end();
    } else this.socket.destroy();
    this.#onLost(reason);
  }

  /** Closes the connection at once, whatever it is doing. */
  destroy(reason: string): void {
    this.socket.destroy();
    this.#onLost(reason);
  }

  /** Something is not as it must be: the connection is closed, and whoever is owed anything is told. */
  poison(what: string): void {
    this.#fail(new ProxyError('POISONED', { what }), what);
  }

  #onData(input: Buffer): void {
    if (this.#closed) return;
    countRead(input.length);
    this.source.heardAt = clock.now;
    let chunk = input;
    if (this.#carry !== null) {
      chunk = Buffer.concat([this.#carry, input]);
      this.#carry = null;
    }
    const end = chunk.length;
    // chunk[from, at) is owed to the session and was not handed over yet.
    let from = 0;
    let at = 0;
    if (this.#bodyLeft > 0) {
      at = Math.min(this.#bodyLeft, end);
      this.#bodyLeft -= at;
      if (!this.#bodyRelayed) from = at;
    }
    while (end - at >= 5) {
      const code = chunk[at] ?? 0;
      const length = chunk.readUInt32BE(at + 1);
      if (length < 4 || length > longestMessage) {
        this.poison(`message 0x${code.toString(16)} with length ${length}`);
        return;
      }
      const next = at + 1 + length;
      const entry = this.owed.head;
      const step = stepOf(entry, code);
      const fate = entry & 0xf0;
      if (next > end && (step > Step.Done || fate === Fate.Watch)) {
        // These are looked into, so they are waited for whole.
        if (length > longestInspected) {
          this.poison(`message 0x${code.toString(16)} with length ${length}`);
          return;
        }
        break;
      }
      let relayed = fate === Fate.Relay;
      switch (step) {
        case Step.More:
          break;
        case Step.Done:
          this.owed.headNote?.completed?.();
          this.owed.shift();
          break;
        case Step.Ready:
          // The client gets the end of its group before the session acts on it.
          this.#handOver(chunk, from, relayed ? next : at);
          from = at = next;
          if (!this.#onReady(chunk, next - 1, fate)) return;
          if (relayed) this.#holder?.groupEnded();
          this.#answerLocally();
          continue;
        case Step.Failed:
          if (this.#isTakenBack(chunk, from, at, next, entry)) relayed = false;
          else {
            this.#handOver(chunk, from, at);
            from = at;
            relayed = this.#onFailed(chunk, at, next, entry);
          }
          break;
        case Step.CopyIn:
          if (!this.owed.startCopyIn()) {
            this.poison('CopyInResponse while other requests were under way');
            return;
          }
          if (fate !== Fate.Relay) {
            this.close('its client vanished before COPY began');
            return;
          }
          break;
        case Step.Notice:
          if (isNotification(code)) relayed = this.#holder?.notified(chunk, at, next) === true;
          // Outside any request a notice belongs to the holder, if there is one.
          else
            relayed =
              (fate === Fate.Relay || (entry === Owed.Nothing && this.#holder !== null)) &&
              !this.#isFarewell(chunk, at, next);
          break;
        case Step.Parameter:
          relayed = this.#onParameter(chunk, at + 5, next, entry);
          break;
        case Step.Counted:
          this.owed.headNote?.counted?.();
          break;
        default:
          this.poison(`message 0x${code.toString(16)} while ${describe(entry)} was owed`);
          return;
      }
      if (fate === Fate.Watch && step <= Step.Done) {
        const note = this.owed.headNote;
        if (note instanceof ProxyRequest) note.message(code, chunk, at + 5, next);
      }
      if (!relayed) {
        this.#handOver(chunk, from, at);
        from = Math.min(next, end);
      }
      if (next > end) {
        this.#bodyLeft = next - end;
        this.#bodyRelayed = relayed;
        at = end;
        break;
      }
      at = next;
      if (step === Step.Done) {
        const head = this.owed.head & 15;
        if (head === Owed.Local) {
          this.#handOver(chunk, from, at);
          from = at;
          this.#answerLocally();
        }
      }
      if (this.#closed) return;
    }
    this.#handOver(chunk, from, at);
    if (at < end) this.#carry = at === 0 ? chunk : chunk.subarray(at);
    const holder = this.#holder;
    if (holder !== null) {
      holder.flushReplies();
      if (holder.blocked && this.#holder === holder) this.setBlocked(true);
    }
    if (this.owed.length === 0) this.#settle();
  }

  /** Emits the answers that the proxy gives itself, as far as their turn has come. */
  #answerLocally(): void {
    while ((this.owed.head & 15) === Owed.Local) {
      const bytes = this.owed.headNote?.bytes;
      if ((this.owed.head & 0xf0) === Fate.Relay && bytes !== undefined)
        this.#holder?.relay(bytes, 0, bytes.length);
      this.owed.shift();
    }
  }

  #handOver(chunk: Buffer, from: number, to: number): void {
    if (from < to) this.#holder?.relay(chunk, from, to);
  }

  /** ReadyForQuery for the head. Returns false when the connection is no more. */
  #onReady(chunk: Buffer, statusAt: number, fate: number): boolean {
    const status = chunk[statusAt] ?? 0;
    if (
      status !== TransactionStatus.Idle &&
      status !== TransactionStatus.InTransaction &&
      status !== TransactionStatus.Failed
    ) {
      this.poison(`ReadyForQuery with status 0x${status.toString(16)}`);
      return false;
    }
    const note = this.owed.headNote;
    this.owed.shift();
    if (!this.#errorSent) note?.completed?.();
    this.#errorSent = false;
    this.status = status;
    if (fate !== Fate.Watch) return true;
    // The proxy's own statements begin and end outside transactions.
    if (status !== TransactionStatus.Idle) {
      this.poison("a transaction left open by the proxy's own statement");
      return false;
    }
    if (note instanceof ProxyRequest) note.finish();
    return !this.#closed;
  }

  /** ErrorResponse. Returns whether its bytes go to the session. */
  #onFailed(chunk: Buffer, at: number, next: number, entry: number): boolean {
    const fate = entry & 0xf0;
    const note = this.owed.headNote;
    if (entry === Owed.Nothing) {
      // Between requests the database only ever says goodbye (57P01, 25P03, ...), and closes.
      this.retireReason ??= 'the database ended it';
      this.#saidGoodbye = true;
      return this.#holder !== null;
    }
    if (fate === Fate.Watch) {
      note?.failed?.(chunk, at, next);
      this.owed.fail();
      return false;
    }
    const instead = note?.failed?.(chunk, at, next) ?? null;
    if (this.owed.ambiguous) this.retireReason ??= 'a Sync inside failed COPY data';
    if (fate === Fate.Relay && tellsOutdatedPlan(chunk, at, next)) {
      this.owed.fail();
      if (this.#holder?.planOutdated() !== true) this.#errorSent = true;
      return this.#errorSent;
    }
    this.#errorSent = fate !== Fate.Abandon;
    if (fate === Fate.Substitute && note?.bytes !== undefined) {
      this.#holder?.relay(note.bytes, 0, note.bytes.length);
      this.owed.fail();
      return false;
    }
    this.owed.fail();
    if (fate === Fate.Abandon) return false;
    const renamed = instead ?? this.#renamed(chunk, at, next);
    if (renamed !== null) {
      this.#holder?.relay(renamed, 0, renamed.length);
      return false;
    }
    if (this.#holder?.survivesLoss !== true || !endsConnection(chunk, at, next)) return true;
    // The database ends its connection; the client keeps its own, so for the client it is no more than an error.
    const error = buildErrorResponse({
      ...parseErrorFields(chunk, at + 5, next),
      severity: 'ERROR',
    });
    this.#holder?.relay(error, 0, error.length);
    return false;
  }

  /**
   * The database does not serve (any more): the group at hand runs elsewhere, or the connection is given up and the
   * session says what that means. Then neither the error nor what came before it in the group goes to the client.
   */
  #isTakenBack(chunk: Buffer, from: number, at: number, next: number, entry: number): boolean {
    const fields = parseErrorFields(chunk, at + 5, next);
    const { severity, sqlstate, message } = fields;
    if (notServing.has(sqlstate)) this.#owner.evidence(this, sqlstate);
    const isOwed = (entry & 0xf0) === Fate.Relay && entry !== Owed.Nothing;
    if (
      isOwed &&
      rolledBack.has(sqlstate) &&
      isUnfinished(chunk, from, at) &&
      this.#takeBack(fields, chunk.subarray(from, at))
    )
      return true;
    if (severity === 'ERROR' || this.#holder?.survivesLoss !== true) return false;
    // Outside a transaction its own words say best what became of the statement.
    if (isOwed && !this.inTransaction) return false;
    this.#onLost(message);
    return true;
  }

  /** "The postmaster has commanded this server process to roll back and exit" is a warning (57P02), then it closes. */
  #isFarewell(chunk: Buffer, at: number, next: number): boolean {
    if (chunk[at] !== BackendCode.NoticeResponse) return false;
    const { sqlstate } = parseErrorFields(chunk, at + 5, next);
    if (sqlstate !== '57P02') return false;
    this.#owner.evidence(this, sqlstate);
    return true;
  }

  /** The refused group runs elsewhere: what is still owed for it here is owed to nobody. */
  #takeBack(fields: ErrorFields, answered: Buffer): boolean {
    const holder = this.#holder;
    if (
      holder === null ||
      this.status !== TransactionStatus.Idle ||
      this.groupOpen ||
      this.owed.countGroups() !== 1 ||
      !holder.canSendAgain(fields.sqlstate)
    )
      return false;
    // Answers to groups before this one may stand gathered.
    holder.flushReplies();
    this.#holder = null;
    this.retireReason ??= `the database refuses work (${fields.sqlstate})`;
    this.owed.fail();
    this.owed.abandon();
    this.#resumeReading();
    holder.sendAgain(fields, answered, this);
    return true;
  }

  /** An error that names a statement by the name it bears here, in the client's words; null for all others. */
  #renamed(chunk: Buffer, at: number, next: number): Buffer | null {
    const message = chunk.subarray(at + 5, next);
    const holder = this.#holder;
    if (holder === null || !message.includes(backendNamePrefix)) return null;
    const body = Buffer.from(holder.translate(message.toString('latin1')), 'latin1');
    return buildMessage(BackendCode.ErrorResponse, body);
  }

  #onParameter(chunk: Buffer, start: number, end: number, entry: number): boolean {
    const [name, value] = parseParameterStatus(chunk, start, end);
    this.reported.set(name, value);
    const holder = this.#holder;
    if (holder === null || (entry & 0xf0) !== Fate.Relay) {
      if (entry === Owed.Nothing) this.#owner.parameterChanged(this, name, value);
      if (entry !== Owed.Nothing || holder === null) return false;
    }
    holder.parameterReported();
    return true;
  }

  /** Between requests: gives the connection back, or first removes what the session left inside. */
  #settle(): void {
    if (this.#closed || this.#resting || this.owed.length > 0 || this.#cancelsOnTheWay > 0) return;
    const holder = this.#holder;
    if (holder !== null) {
      if (holder.awaitsAnswers) {
        holder.resume();
        return;
      }
      if (this.groupOpen || this.owed.skipping || this.status !== TransactionStatus.Idle) return;
      if (!holder.letsGo()) return;
      this.#holder = null;
      if (this.#paused) this.#resumeReading();
      holder.loanEnded();
    }
    if (this.retireReason !== null) {
      this.close(this.retireReason);
    } else if (this.status !== TransactionStatus.Idle) {
      this.run('ROLLBACK', this.#mustSucceed('ROLLBACK'));
    } else if (this.needsReset) {
      this.needsReset = false;
      this.statements.clear();
      this.ownNames = null;
      this.parameterSet = null;
      this.drawnBy = 0;
      this.run('DISCARD ALL', this.#mustSucceed('DISCARD ALL'));
      const { initQuery } = this.#owner;
      if (initQuery !== '') this.run(initQuery, this.#mustSucceed('InitQuery'));
    } else if (!this.#owner.hasErrand(this)) {
      this.#resting = true;
      this.since = clock.now;
      this.#owner.returned(this);
    }
  }

  /** A statement of the proxy's own without which the connection cannot be lent again. */
  #mustSucceed(what: string): ProxyRequest {
    return new ProxyRequest((answer) => {
      if (answer.error !== null) this.retireReason ??= `${what} failed: ${answer.error.message}`;
    });
  }

  #onDrain(): void {
    this.#full = false;
    if (!this.held) this.#holder?.resume();
  }

  #resumeReading(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.socket.resume();
  }

  /** The socket ended, and not by our doing. */
  #onGone(reason: string): void {
    if (this.#closed) return;
    if (!this.#saidGoodbye) this.#owner.evidence(this, reason);
    this.#onLost(reason);
  }

  #onLost(reason: string): void {
    if (!this.#closed) this.#fail(new ProxyError('DATABASE_CONNECTION_LOST', { reason }), reason);
  }

  #fail(error: ProxyError, reason: string): void {
    this.#closed = true;
    if (!this.socket.writableEnded) this.socket.destroy();
    const holder = this.#holder;
    this.#holder = null;
    const loss: ConnectionLoss = {
      error,
      reason,
      groups: this.owed.countGroups(),
      openGroup: this.groupOpen || this.owed.skipping,
      inTransaction: this.status !== TransactionStatus.Idle,
      failed: this.status === TransactionStatus.Failed,
      midReply: this.midReply,
      errorSent: this.#errorSent,
    };
    this.owed.clear();
    if (holder !== null) {
      holder.flushReplies();
      holder.connectionLost(loss);
    }
    this.#owner.closed(this, error);
  }
}

function describe(entry: number): string {
  for (const [name, kind] of Object.entries(Owed)) {
    if (kind === (entry & 15)) return name === 'Nothing' ? 'nothing' : `the reply to ${name}`;
  }
  return 'nothing';
}

/** ParameterStatus (B): Byte1('S') Int32 length, String name, String value. */
function parseParameterStatus(
  chunk: Buffer,
  start: number,
  end: number,
): [name: string, value: string] {
  const nameEnd = chunk.indexOf(0, start);
  return [chunk.toString('utf8', start, nameEnd), chunk.toString('utf8', nameEnd + 1, end - 1)];
}
