import { BackendCode as Code } from '@sluice/wire';
import { as, distinct } from '../distinct.ts';
import type { Distinct } from '../distinct.ts';

/** The request that a pending reply answers. The low four bits of an entry in the queue of pending replies. */
export type Reply = Distinct<'Reply'>;
export const Reply = distinct<'Reply'>()({
  Parse: 0,
  Bind: 1,
  Close: 2,
  DescribeStatement: 3,
  DescribePortal: 4,
  Execute: 5,
  Sync: 6,
  Query: 7,
  FunctionCall: 8,
  /** CopyDone or CopyFail. It has no reply, but ends the data that the database reads as COPY. */
  CopyEnd: 9,
  /** A response of the proxy itself, in its turn; the note has its bytes. The database gets no request. */
  Local: 10,
  /** A Query whose statements are counted at each CommandComplete, which calls its note. */
  CountedQuery: 11,
  /**
   * A Query into whose text the proxy has put statements of its own. Its note knows which replies belong to the client.
   */
  RewrittenQuery: 12,
  /** Not an entry: the value of `head` if no reply is pending. */
  Nothing: 15,
});

/** What the proxy does with the bytes of a reply. Added to a `Reply` kind. */
export type Action = Distinct<'Action'>;
export const Action = distinct<'Action'>()({
  /** Forward them to the owner of the reply. */
  Forward: 0x00,
  /** Discard them. An error still goes to the session, because it concerns the client's own request. */
  Discard: 0x10,
  /** Pass them to the internal query, which is the note. */
  Internal: 0x20,
  /** An error is certain; the bytes of the note go to the session instead. */
  Synthetic: 0x30,
  /** Discard everything, errors included: the session is gone. */
  Orphaned: 0x40,
});

/** The bits of an entry of the queue that say which reply it is; the others are its action. */
const replyBits = 0x0f;
const actionBits = 0xf0;

/** The meaning of a message from the database for the reply at the head of the queue. */
export type Step = Distinct<'Step'>;
export const Step = distinct<'Step'>()({
  /** The message fits no pending reply: the connection is out of sync. */
  Surprise: 0,
  /** Part of the reply; more follows. */
  More: 1,
  /** The last message of the reply. */
  Done: 2,
  /** ReadyForQuery: the cycle is complete. */
  Ready: 3,
  /** ErrorResponse. */
  Failed: 4,
  /** CopyInResponse: from now on the database reads COPY data. */
  CopyIn: 5,
  /** An asynchronous message: NoticeResponse, NotificationResponse. */
  Notice: 6,
  /** An asynchronous message: ParameterStatus. */
  Parameter: 7,
  /** One of several statements in a Query is complete; more may follow. */
  Counted: 8,
  /** Part of the reply to a statement that may be the proxy's own. */
  Filtered: 9,
});

/** The step for each kind of pending reply and each message code (manual, "Message Flow"). */
const steps = new Uint8Array((replyBits + 1) * 256);

function rule(reply: Reply, step: Step, ...codes: number[]): void {
  for (const code of codes) steps[(reply << 8) | code] = step;
}

for (const reply of Object.values(Reply)) {
  rule(reply, Step.Notice, Code.NoticeResponse, Code.NotificationResponse);
  rule(reply, Step.Parameter, Code.ParameterStatus);
  rule(reply, Step.Failed, Code.ErrorResponse);
}
rule(Reply.Parse, Step.Done, Code.ParseComplete);
rule(Reply.Bind, Step.Done, Code.BindComplete);
rule(Reply.Close, Step.Done, Code.CloseComplete);
rule(Reply.DescribeStatement, Step.More, Code.ParameterDescription);
rule(Reply.DescribeStatement, Step.Done, Code.RowDescription, Code.NoData);
rule(Reply.DescribePortal, Step.Done, Code.RowDescription, Code.NoData);
rule(Reply.Execute, Step.More, Code.DataRow, Code.CopyOutResponse, Code.CopyData, Code.CopyDone);
rule(Reply.Execute, Step.Done, Code.CommandComplete, Code.EmptyQueryResponse, Code.PortalSuspended);
rule(Reply.Execute, Step.CopyIn, Code.CopyInResponse);
rule(Reply.Sync, Step.Ready, Code.ReadyForQuery);
rule(
  Reply.Query,
  Step.More,
  Code.RowDescription,
  Code.DataRow,
  Code.CommandComplete,
  Code.EmptyQueryResponse,
  Code.CopyOutResponse,
  Code.CopyData,
  Code.CopyDone,
);
rule(Reply.Query, Step.CopyIn, Code.CopyInResponse);
rule(Reply.Query, Step.Ready, Code.ReadyForQuery);
for (let code = 0; code < 256; code++) rule(Reply.CountedQuery, stepOf(Reply.Query, code), code);
rule(Reply.CountedQuery, Step.Counted, Code.CommandComplete);
for (let code = 0; code < 256; code++)
  rule(Reply.RewrittenQuery, stepOf(Reply.CountedQuery, code), code);
rule(Reply.RewrittenQuery, Step.Filtered, Code.RowDescription, Code.DataRow);
rule(Reply.FunctionCall, Step.More, Code.FunctionCallResponse);
rule(Reply.FunctionCall, Step.Ready, Code.ReadyForQuery);

/** The step for message `code` while `entry` (a reply and an action) is at the head. */
export function stepOf(reply: Reply, code: number): Step {
  return as<'Step'>(steps[(reply << 8) | code] ?? Step.Surprise);
}

/** True for requests that ReadyForQuery answers, even after an error. */
function endsCycle(reply: Reply): boolean {
  return (
    reply === Reply.Sync ||
    reply === Reply.Query ||
    reply === Reply.CountedQuery ||
    reply === Reply.RewrittenQuery ||
    reply === Reply.FunctionCall
  );
}

function replyOf(entry: number): Reply {
  return as<'Reply'>(entry & replyBits);
}

function actionOf(entry: number): Action {
  return as<'Action'>(entry & actionBits);
}

/** Attached to an entry, and notified of the outcome of its request. */
export interface ReplyNote {
  /** The bytes that the session gets, for `Reply.Local` and `Action.Synthetic`. */
  readonly bytes?: Buffer;
  /**
   * Undoes the assumptions made when the request was sent: the database refused it, or (`skipped`) never processed it.
   */
  undo(skipped: boolean): void;
  /** The request succeeded. */
  completed?(): void;
  /**
   * For `Reply.CountedQuery`: one more of its statements is complete. The session gets the returned bytes instead of
   * the message; null: the message itself.
   */
  counted?(): Buffer | null;
  /** For `Reply.RewrittenQuery`: whether the current statement is the client's. */
  readonly passes?: boolean;
  /** The session gets the ParameterStatus of this request even if its other replies are discarded. */
  readonly forwardsParameterStatus?: boolean;
  /** A notice came with the reply, the message `chunk[at, next)`. Returns the same as `failed`. */
  noticed?(chunk: Buffer, at: number, next: number): Buffer | null;
  /**
   * For `Reply.DescribeStatement`: a complete message of the reply, with the body in `chunk[start, end)`. A returned
   * error ends the cycle for the client, as if the database had sent it; null: no error.
   */
  described?(code: number, chunk: Buffer, start: number, end: number): Buffer | null;
  /**
   * The database refused the request with the message `chunk[at, next)`. The session gets the returned bytes instead;
   * null: the message itself.
   */
  failed?(chunk: Buffer, at: number, next: number): Buffer | null;
}

/** The session whose request a reply answers. */
export interface ReplyOwner {
  /** The socket of the client is full: the proxy reads nothing more from the server until it drains. */
  readonly blocked: boolean;
  /** Takes `chunk[start, end)`: complete or partial messages for the client. */
  relay(chunk: Buffer, start: number, end: number): void;
  /** Writes what `relay` has collected to the client. */
  flushReplies(): void;
  /** The oldest cycle is answered: its ReadyForQuery has been forwarded. */
  cycleEnded(): void;
  /** The database ignores `count` Syncs that were sent after the oldest cycle, because it reads COPY data. */
  syncsIgnored(count: number): void;
}

/**
 * The first-in, first-out queue of the pending replies of a server connection.
 *
 * Invariant: a request is written to the database only together with its entry here. So the order of entries is the
 * order of requests on the wire, and the current reply always belongs to the head.
 */
export class PendingReplies {
  // A ring of small integers, with the notes beside it, most of them null: no object per message.
  #entries = new Uint8Array(16);
  #notes: (ReplyNote | null)[] = Array.from({ length: 16 }, () => null);
  #owners: (ReplyOwner | null)[] = Array.from({ length: 16 }, () => null);
  /** The owner of appended requests and of asynchronous messages; null: only internal queries are appended. */
  owner: ReplyOwner | null = null;
  #first = 0;
  #length = 0;
  /**
   * An extended-protocol request failed: the database discards everything until the next Sync (manual, "Extended
   * Query").
   */
  #skipping = false;
  /** The database reads COPY data: it ignores Sync and Flush until CopyDone or CopyFail (manual, "COPY Operations"). */
  #copyIn = false;
  /** A Sync was sent during COPY. It is unknown whether an error made the database answer it. */
  #ambiguous = false;

  get length(): number {
    return this.#length;
  }

  /** The next reply, or `Reply.Nothing`. */
  get headReply(): Reply {
    return this.#length === 0 ? Reply.Nothing : replyOf(this.#entries[this.#first] ?? 0);
  }

  /** The action for the next reply; `Action.Forward` if none is pending. */
  get headAction(): Action {
    return this.#length === 0 ? Action.Forward : actionOf(this.#entries[this.#first] ?? 0);
  }

  get headNote(): ReplyNote | null {
    return this.#notes[this.#first] ?? null;
  }

  /** The owner of the next reply; if none is pending, the owner of asynchronous messages. */
  get headOwner(): ReplyOwner | null {
    return this.#length === 0 ? this.owner : (this.#owners[this.#first] ?? null);
  }

  /** True if the newest entry is an extended-protocol request without a Sync: a Query would break its cycle. */
  get endsMidCycle(): boolean {
    return this.#length > 0 && replyOf(this.#entryAt(this.#length - 1)) <= Reply.Execute;
  }

  /** True if replies are pending for requests of a cycle that is not complete. */
  get hasOpenReplies(): boolean {
    return this.#length > 0 && !endsCycle(replyOf(this.#entryAt(this.#length - 1)));
  }

  /** True while the database takes COPY data. */
  get copyIn(): boolean {
    return this.#copyIn;
  }

  /** True if a Sync during COPY met an error, so that the number of ReadyForQuery messages is unknown. */
  get ambiguous(): boolean {
    return this.#ambiguous;
  }

  /**
   * Appends the pending reply of a request that is about to be written. Requests that the database certainly ignores
   * get no entry, and their note is undone. Returns whether there is an entry.
   */
  append(reply: Reply, action: Action = Action.Forward, note: ReplyNote | null = null): boolean {
    if (this.#skipping) {
      if (reply !== Reply.Sync) {
        note?.undo(true);
        return false;
      }
      this.#skipping = false;
    } else if (this.#copyIn) {
      if (reply === Reply.Sync) {
        this.#ambiguous = true;
        return false;
      }
      if (reply === Reply.CopyEnd) {
        this.#copyIn = false;
        return false;
      }
    } else if (reply === Reply.CopyEnd && this.#length === 0) {
      // Outside COPY the database ignores CopyDone and CopyFail.
      return false;
    }
    if (this.#length === this.#entries.length) this.#grow();
    const at = (this.#first + this.#length) & (this.#entries.length - 1);
    this.#entries[at] = reply | action;
    this.#notes[at] = note;
    this.#owners[at] = this.owner;
    this.#length++;
    return true;
  }

  /** Removes the head: its reply is complete. */
  shift(): void {
    this.#notes[this.#first] = null;
    this.#first = (this.#first + 1) & (this.#entries.length - 1);
    this.#length--;
    // The database ignores a CopyEnd without COPY as soon as its turn comes.
    while (this.#length > 0 && replyOf(this.#entries[this.#first] ?? 0) === Reply.CopyEnd) {
      this.#first = (this.#first + 1) & (this.#entries.length - 1);
      this.#length--;
    }
  }

  /**
   * The head failed. In the extended protocol the database discards what follows up to the next Sync. So does the
   * queue, newest first, because a later request may depend on an earlier one.
   */
  fail(): void {
    if (this.#copyIn) this.#copyIn = false;
    // ReadyForQuery still answers a Query, a FunctionCall and a Sync (whose commit failed).
    if (endsCycle(this.headReply)) return;
    let discarded = 0;
    while (discarded < this.#length && replyOf(this.#entryAt(discarded)) !== Reply.Sync)
      discarded++;
    this.#skipping = discarded === this.#length;
    // A simple Query among them no longer ends a cycle: the database skips it as well.
    let ignored = 0;
    const owner = this.headOwner;
    for (let i = discarded - 1; i >= 0; i--) {
      const at = (this.#first + i) & (this.#entries.length - 1);
      const entry = this.#entryAt(i);
      if (actionOf(entry) === Action.Forward && endsCycle(replyOf(entry))) ignored++;
      const note = this.#notes[at];
      this.#notes[at] = null;
      note?.undo(i > 0);
    }
    this.#first = (this.#first + discarded) & (this.#entries.length - 1);
    this.#length -= discarded;
    if (ignored > 0) owner?.syncsIgnored(ignored);
  }

  /** Discards the reply at the head, because its request is made again. */
  discardHead(): void {
    this.#entries[this.#first] = this.headReply | Action.Discard;
  }

  /**
   * The head got CopyInResponse. The database reads what was already sent after it, up to CopyDone or CopyFail, as COPY
   * data. Returns false if there is anything but Syncs, which cannot be followed.
   */
  startCopyIn(): boolean {
    this.#copyIn = true;
    while (this.#length > 1) {
      const reply = replyOf(this.#entryAt(1));
      if (reply === Reply.Sync) this.#ambiguous = true;
      else if (reply === Reply.CopyEnd) this.#copyIn = false;
      else return false;
      this.#removeSecond();
      if (!this.#copyIn) return true;
    }
    return true;
  }

  /**
   * Orphans the rest of the current cycle: its client has got an error. Returns whether the end of the cycle is
   * pending; that reply still goes to the session.
   */
  orphanCycle(): boolean {
    for (let i = 0; i < this.#length; i++) {
      const at = (this.#first + i) & (this.#entries.length - 1);
      const reply = replyOf(this.#entries[at] ?? 0);
      if (endsCycle(reply)) return true;
      this.#entries[at] = reply | Action.Orphaned;
    }
    return false;
  }

  /** Orphans all pending replies of the session, because it is gone. Internal queries stay. */
  orphan(): void {
    for (let i = 0; i < this.#length; i++) {
      const at = (this.#first + i) & (this.#entries.length - 1);
      const entry = this.#entries[at] ?? 0;
      this.#owners[at] = null;
      if (actionOf(entry) === Action.Internal) continue;
      this.#entries[at] = replyOf(entry) | Action.Orphaned;
    }
  }

  /** The number of pending ReadyForQuery replies of the session. */
  countCycles(): number {
    let cycles = 0;
    for (let i = 0; i < this.#length; i++) {
      const entry = this.#entryAt(i);
      // Internal queries in between do not count.
      if (actionOf(entry) === Action.Forward && endsCycle(replyOf(entry))) cycles++;
    }
    return cycles;
  }

  /** Empties the queue when the connection has ended. */
  clear(): void {
    for (let i = this.#length - 1; i >= 0; i--) {
      const at = (this.#first + i) & (this.#entries.length - 1);
      const note = this.#notes[at];
      this.#notes[at] = null;
      note?.undo(i > 0);
    }
    this.#length = 0;
    this.#copyIn = false;
    this.#skipping = false;
  }

  /** True if the database, after a failed request, discards everything until a Sync that has not been sent yet. */
  get skipping(): boolean {
    return this.#skipping;
  }

  #entryAt(index: number): number {
    return this.#entries[(this.#first + index) & (this.#entries.length - 1)] ?? 0;
  }

  /** Removes the second entry by moving the head into its position. */
  #removeSecond(): void {
    const second = (this.#first + 1) & (this.#entries.length - 1);
    this.#entries[second] = this.#entries[this.#first] ?? 0;
    this.#notes[second] = this.#notes[this.#first] ?? null;
    this.#owners[second] = this.#owners[this.#first] ?? null;
    this.#notes[this.#first] = null;
    this.#first = second;
    this.#length--;
  }

  #grow(): void {
    const size = this.#entries.length;
    const entries = new Uint8Array(size * 2);
    const notes: (ReplyNote | null)[] = Array.from({ length: size * 2 }, () => null);
    const owners: (ReplyOwner | null)[] = Array.from({ length: size * 2 }, () => null);
    for (let i = 0; i < this.#length; i++) {
      const at = (this.#first + i) & (size - 1);
      entries[i] = this.#entries[at] ?? 0;
      notes[i] = this.#notes[at] ?? null;
      owners[i] = this.#owners[at] ?? null;
    }
    this.#entries = entries;
    this.#notes = notes;
    this.#owners = owners;
    this.#first = 0;
  }
}
