import { BackendCode as Code } from '@sluice/wire';

/**
 * What the database was asked for, and so what it still has to answer.
 * The low four bits of an entry in the queue of pending replies.
 */
export const Reply = {
  Parse: 0,
  Bind: 1,
  Close: 2,
  DescribeStatement: 3,
  DescribePortal: 4,
  Execute: 5,
  Sync: 6,
  Query: 7,
  FunctionCall: 8,
  /** CopyDone or CopyFail was sent: nothing is owed for it, but it ends what the database reads as COPY data. */
  CopyEnd: 9,
  /** An answer that the proxy gives itself, in its turn; the note is the bytes. Nothing was sent to the database. */
  Local: 10,
  /** A Query whose statements are counted as they are done (CommandComplete): its note is told of each. */
  CountedQuery: 11,
  /** A Query into whose text the proxy has put statements of its own: its note says which answers are the client's. */
  RewrittenQuery: 12,
  /** Not an entry: what `head` says when nothing is owed. */
  Nothing: 15,
} as const;

/** What becomes of the bytes of a reply. Added to a `Reply` kind. */
export const Action = {
  /** They go to the session that holds the lease. */
  Forward: 0x00,
  /** They are dropped; an error still goes to the session, since its own request is what failed. */
  Discard: 0x10,
  /** They go to the proxy's own request, which is the note. */
  Internal: 0x20,
  /** An error is certain, and the note's bytes go to the session in its place. */
  Synthetic: 0x30,
  /** They are dropped, errors too: the session has gone. */
  Orphaned: 0x40,
} as const;

/** What a message from the database means for the reply at the head of the queue. */
export const Step = {
  /** Nobody is owed this: the connection is not to be trusted any more. */
  Surprise: 0,
  /** Part of the reply; more follows. */
  More: 1,
  /** The last message of the reply. */
  Done: 2,
  /** ReadyForQuery: the cycle is over. */
  Ready: 3,
  /** ErrorResponse. */
  Failed: 4,
  /** CopyInResponse: the database reads COPY data from now on. */
  CopyIn: 5,
  /** May come at any time: NoticeResponse, NotificationResponse. */
  Notice: 6,
  /** May come at any time: ParameterStatus. */
  Parameter: 7,
  /** One statement of several in a Query is done; more may follow. */
  Counted: 8,
  /** Part of the reply, of a statement that may be the proxy's own. */
  Filtered: 9,
} as const;

/** For each kind of owed reply and each message code, the step (manual, "Message Flow"). */
const steps = new Uint8Array(16 * 256);

function rule(kind: number, step: number, ...codes: number[]): void {
  for (const code of codes) steps[(kind << 8) | code] = step;
}

for (let kind = 0; kind < 16; kind++) {
  rule(kind, Step.Notice, Code.NoticeResponse, Code.NotificationResponse);
  rule(kind, Step.Parameter, Code.ParameterStatus);
  rule(kind, Step.Failed, Code.ErrorResponse);
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

/** What the message `code` means when `entry` (a kind and a fate) is at the head. */
export function stepOf(entry: number, code: number): number {
  return steps[((entry & 15) << 8) | code] ?? Step.Surprise;
}

/** True for requests that ReadyForQuery answers, even after an error. */
function endsCycle(kind: number): boolean {
  return (
    kind === Reply.Sync ||
    kind === Reply.Query ||
    kind === Reply.CountedQuery ||
    kind === Reply.RewrittenQuery ||
    kind === Reply.FunctionCall
  );
}

/** What an entry carries along, told what became of its request. */
export interface ReplyNote {
  /** What the session gets, for `Reply.Local` and `Action.Synthetic`. */
  readonly bytes?: Buffer;
  /**
   * Take back what was assumed when the request was sent: the database refused it, or (`skipped`) never looked
   * at it.
   */
  undo(skipped: boolean): void;
  /** The database did what it was asked, without an error. */
  completed?(): void;
  /**
   * `Reply.CountedQuery`: one more of its statements is done. What is returned goes to the session in place of the message;
   * null: the message itself.
   */
  counted?(): Buffer | null;
  /** `Reply.RewrittenQuery`: whether the statement at hand is the client's. */
  readonly passes?: boolean;
  /** The session is told of parameters that the request changes, whatever becomes of its other answers. */
  readonly tellsParameters?: boolean;
  /** A notice came with the reply, the message `chunk[at, next)`. As for `failed`. */
  noticed?(chunk: Buffer, at: number, next: number): Buffer | null;
  /**
   * `Reply.DescribeStatement`: a message of the answer, its body whole in `chunk[start, end)`. What is returned is an error
   * that ends the cycle for the client, as if the database had sent it; null: all is well.
   */
  described?(code: number, chunk: Buffer, start: number, end: number): Buffer | null;
  /**
   * The database refused the request with the message `chunk[at, next)`. What is returned goes to the session in its
   * place; null: the message itself.
   */
  failed?(chunk: Buffer, at: number, next: number): Buffer | null;
}

/** Whose request a reply answers: takes its bytes. */
export interface ReplyOwner {
  /** The client's socket has taken all it can: nothing more is read from the server until it drains. */
  readonly blocked: boolean;
  /** Takes `chunk[start, end)`, whole or partial messages that the client is owed. */
  relay(chunk: Buffer, start: number, end: number): void;
  /** Writes to the client what `relay` has gathered. */
  flushReplies(): void;
  /** The oldest cycle is answered: its ReadyForQuery has been relayed. */
  cycleEnded(): void;
  /** The database ignores so many Syncs that were sent behind the oldest cycle: it reads COPY data. */
  syncsIgnored(count: number): void;
}

/**
 * The first-in, first-out queue of the replies that a server connection still owes.
 *
 * Invariant: a request is written to the database only together with its entry here, so the order of
 * entries is the order of requests on the wire, and the reply at hand always belongs to the head.
 */
export class PendingReplies {
  // A ring of small integers, and beside it the notes, most of them null: no object for a message.
  #entries = new Uint8Array(16);
  #notes: (ReplyNote | null)[] = Array.from({ length: 16 }, () => null);
  #owners: (ReplyOwner | null)[] = Array.from({ length: 16 }, () => null);
  /** Whose requests are appended, and who is told what comes unasked; null: nobody, the proxy's own requests alone. */
  owner: ReplyOwner | null = null;
  #first = 0;
  #length = 0;
  /** An extended-protocol request failed: the database discards all until the next Sync (manual, "Extended Query"). */
  #skipping = false;
  /** The database reads COPY data: it ignores Sync and Flush until CopyDone or CopyFail (manual, "COPY Operations"). */
  #copyIn = false;
  /** A Sync was sent into COPY data. Whether an error made the database answer it after all cannot be known. */
  #ambiguous = false;

  get length(): number {
    return this.#length;
  }

  /** The entry (kind and fate) whose reply comes next, or `Reply.Nothing`. */
  get head(): number {
    return this.#length === 0 ? Reply.Nothing : (this.#entries[this.#first] ?? Reply.Nothing);
  }

  get headNote(): ReplyNote | null {
    return this.#notes[this.#first] ?? null;
  }

  /** Who is owed the reply that comes next; when none is pending, who is told what comes unasked. */
  get headOwner(): ReplyOwner | null {
    return this.#length === 0 ? this.owner : (this.#owners[this.#first] ?? null);
  }

  /** True when the newest entry is a request of the extended protocol that no Sync follows: a Query would break its cycle. */
  get endsMidCycle(): boolean {
    return this.#length > 0 && (this.#entryAt(this.#length - 1) & 15) <= Reply.Execute;
  }

  /** True when replies are to come to requests that no end of a cycle follows. */
  get hasOpenReplies(): boolean {
    return this.#length > 0 && !endsCycle(this.#entryAt(this.#length - 1) & 15);
  }

  /** True while the database takes COPY data. */
  get copyIn(): boolean {
    return this.#copyIn;
  }

  /** True when a Sync inside COPY data met an error, so that the number of ReadyForQuery to come is not certain. */
  get ambiguous(): boolean {
    return this.#ambiguous;
  }

  /**
   * Appends what the request that is about to be written will be answered with.
   * Requests that the database is certain to ignore leave no entry; their note is undone. Returns whether there is one.
   */
  append(entry: number, note: ReplyNote | null = null): boolean {
    const kind = entry & 15;
    if (this.#skipping) {
      if (kind !== Reply.Sync) {
        note?.undo(true);
        return false;
      }
      this.#skipping = false;
    } else if (this.#copyIn) {
      if (kind === Reply.Sync) {
        this.#ambiguous = true;
        return false;
      }
      if (kind === Reply.CopyEnd) {
        this.#copyIn = false;
        return false;
      }
    } else if (kind === Reply.CopyEnd && this.#length === 0) {
      // Outside COPY the database ignores CopyDone and CopyFail.
      return false;
    }
    if (this.#length === this.#entries.length) this.#grow();
    const at = (this.#first + this.#length) & (this.#entries.length - 1);
    this.#entries[at] = entry;
    this.#notes[at] = note;
    this.#owners[at] = this.owner;
    this.#length++;
    return true;
  }

  /** Takes the head away: its reply is complete. */
  shift(): void {
    this.#notes[this.#first] = null;
    this.#first = (this.#first + 1) & (this.#entries.length - 1);
    this.#length--;
    // A CopyEnd that no COPY preceded is ignored by the database, as soon as its turn has come.
    while (this.#length > 0 && ((this.#entries[this.#first] ?? 0) & 15) === Reply.CopyEnd) {
      this.#first = (this.#first + 1) & (this.#entries.length - 1);
      this.#length--;
    }
  }

  /**
   * The head failed. In the extended protocol the database discards what follows up to the next Sync:
   * so do we, newest first, since a later request may build on an earlier one.
   */
  fail(): void {
    const kind = this.head & 15;
    if (this.#copyIn) this.#copyIn = false;
    // A simple Query, a FunctionCall and a Sync (whose commit failed) are still answered by ReadyForQuery.
    if (endsCycle(kind)) return;
    let discarded = 0;
    while (discarded < this.#length && (this.#entryAt(discarded) & 15) !== Reply.Sync) discarded++;
    this.#skipping = discarded === this.#length;
    // A simple Query among them ends no cycle any more: the database passes over it as well.
    let ignored = 0;
    const owner = this.headOwner;
    for (let i = discarded - 1; i >= 0; i--) {
      const at = (this.#first + i) & (this.#entries.length - 1);
      const entry = this.#entryAt(i);
      if ((entry & 0xf0) === Action.Forward && endsCycle(entry & 15)) ignored++;
      const note = this.#notes[at];
      this.#notes[at] = null;
      note?.undo(i > 0);
    }
    this.#first = (this.#first + discarded) & (this.#entries.length - 1);
    this.#length -= discarded;
    if (ignored > 0) owner?.syncsIgnored(ignored);
  }

  /** The reply at the head is dropped: its request is made again. */
  discardHead(): void {
    this.#entries[this.#first] = (this.head & 15) | Action.Discard;
  }

  /**
   * The head answered CopyInResponse. What was already sent behind it, up to CopyDone or CopyFail, was read as
   * part of the COPY. Returns false when something other than Sync stands there, which cannot be followed.
   */
  startCopyIn(): boolean {
    this.#copyIn = true;
    while (this.#length > 1) {
      const kind = this.#entryAt(1) & 15;
      if (kind === Reply.Sync) this.#ambiguous = true;
      else if (kind === Reply.CopyEnd) this.#copyIn = false;
      else return false;
      this.#removeSecond();
      if (!this.#copyIn) return true;
    }
    return true;
  }

  /**
   * The rest of the cycle at hand is owed to nobody: its client has been told an error. Returns whether the end of the cycle
   * is owed already; that still goes to the session.
   */
  orphanCycle(): boolean {
    for (let i = 0; i < this.#length; i++) {
      const at = (this.#first + i) & (this.#entries.length - 1);
      const kind = (this.#entries[at] ?? 0) & 15;
      if (endsCycle(kind)) return true;
      this.#entries[at] = kind | Action.Orphaned;
    }
    return false;
  }

  /** Whatever is still owed is owed to nobody: its session has gone. The proxy's own requests stay. */
  orphan(): void {
    for (let i = 0; i < this.#length; i++) {
      const at = (this.#first + i) & (this.#entries.length - 1);
      const entry = this.#entries[at] ?? 0;
      this.#owners[at] = null;
      if ((entry & 0xf0) === Action.Internal) continue;
      this.#entries[at] = (entry & 15) | Action.Orphaned;
    }
  }

  /** Counts the cycles still owed an end (ReadyForQuery) to the session, oldest first. */
  countCycles(): number {
    let cycles = 0;
    for (let i = 0; i < this.#length; i++) {
      const entry = this.#entryAt(i);
      // What the proxy put in between is not the session's.
      if ((entry & 0xf0) === Action.Forward && endsCycle(entry & 15)) cycles++;
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

  /** True when a failed request leaves the database discarding everything until a Sync that was not sent yet. */
  get skipping(): boolean {
    return this.#skipping;
  }

  #entryAt(index: number): number {
    return this.#entries[(this.#first + index) & (this.#entries.length - 1)] ?? 0;
  }

  /** Removes the entry behind the head by moving the head onto its place. */
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
