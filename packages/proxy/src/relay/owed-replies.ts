import { BackendCode as Code } from '@sluice/wire';

/**
 * What the database was asked for, and so what it still has to answer.
 * The low four bits of an entry in the queue of owed replies.
 */
export const Owed = {
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
  /** Not an entry: what `head` says when nothing is owed. */
  Nothing: 15,
} as const;

/** What becomes of the bytes of a reply. Added to an `Owed` kind. */
export const Fate = {
  /** They go to the session that holds the loan. */
  Relay: 0x00,
  /** They are dropped; an error still goes to the session, since its own request is what failed. */
  Swallow: 0x10,
  /** They go to the proxy's own request, which is the note. */
  Watch: 0x20,
  /** An error is certain, and the note's bytes go to the session in its place. */
  Substitute: 0x30,
  /** They are dropped, errors too: the session has gone. */
  Abandon: 0x40,
} as const;

/** What a message from the database means for the reply at the head of the queue. */
export const Step = {
  /** Nobody is owed this: the connection is not to be trusted any more. */
  Surprise: 0,
  /** Part of the reply; more follows. */
  More: 1,
  /** The last message of the reply. */
  Done: 2,
  /** ReadyForQuery: the group is over. */
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
rule(Owed.Parse, Step.Done, Code.ParseComplete);
rule(Owed.Bind, Step.Done, Code.BindComplete);
rule(Owed.Close, Step.Done, Code.CloseComplete);
rule(Owed.DescribeStatement, Step.More, Code.ParameterDescription);
rule(Owed.DescribeStatement, Step.Done, Code.RowDescription, Code.NoData);
rule(Owed.DescribePortal, Step.Done, Code.RowDescription, Code.NoData);
rule(Owed.Execute, Step.More, Code.DataRow, Code.CopyOutResponse, Code.CopyData, Code.CopyDone);
rule(Owed.Execute, Step.Done, Code.CommandComplete, Code.EmptyQueryResponse, Code.PortalSuspended);
rule(Owed.Execute, Step.CopyIn, Code.CopyInResponse);
rule(Owed.Sync, Step.Ready, Code.ReadyForQuery);
rule(
  Owed.Query,
  Step.More,
  Code.RowDescription,
  Code.DataRow,
  Code.CommandComplete,
  Code.EmptyQueryResponse,
  Code.CopyOutResponse,
  Code.CopyData,
  Code.CopyDone,
);
rule(Owed.Query, Step.CopyIn, Code.CopyInResponse);
rule(Owed.Query, Step.Ready, Code.ReadyForQuery);
for (let code = 0; code < 256; code++) rule(Owed.CountedQuery, stepOf(Owed.Query, code), code);
rule(Owed.CountedQuery, Step.Counted, Code.CommandComplete);
rule(Owed.FunctionCall, Step.More, Code.FunctionCallResponse);
rule(Owed.FunctionCall, Step.Ready, Code.ReadyForQuery);

/** What the message `code` means when `entry` (a kind and a fate) is at the head. */
export function stepOf(entry: number, code: number): number {
  return steps[((entry & 15) << 8) | code] ?? Step.Surprise;
}

/** True for requests that ReadyForQuery answers, even after an error. */
function endsGroup(kind: number): boolean {
  return (
    kind === Owed.Sync ||
    kind === Owed.Query ||
    kind === Owed.CountedQuery ||
    kind === Owed.FunctionCall
  );
}

/** What an entry carries along, told what became of its request. */
export interface OwedNote {
  /** What the session gets, for `Owed.Local` and `Fate.Substitute`. */
  readonly bytes?: Buffer;
  /**
   * Take back what was assumed when the request was sent: the database refused it, or (`skipped`) never looked
   * at it.
   */
  undo(skipped: boolean): void;
  /** The database did what it was asked, without an error. */
  completed?(): void;
  /** `Owed.CountedQuery`: one more of its statements is done. */
  counted?(): void;
  /**
   * The database refused the request with the message `chunk[at, next)`. What is returned goes to the session in its
   * place; null: the message itself.
   */
  failed?(chunk: Buffer, at: number, next: number): Buffer | null;
}

/**
 * The first-in, first-out queue of the replies that a database connection still owes.
 *
 * Invariant: a request is written to the database only together with its entry here, so the order of
 * entries is the order of requests on the wire, and the reply at hand always belongs to the head.
 */
export class OwedReplies {
  // A ring of small integers, and beside it the notes, most of them null: no object for a message.
  #entries = new Uint8Array(16);
  #notes: (OwedNote | null)[] = Array.from({ length: 16 }, () => null);
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

  /** The entry (kind and fate) whose reply comes next, or `Owed.Nothing`. */
  get head(): number {
    return this.#length === 0 ? Owed.Nothing : (this.#entries[this.#first] ?? Owed.Nothing);
  }

  get headNote(): OwedNote | null {
    return this.#notes[this.#first] ?? null;
  }

  /** True when the newest entry is a request of the extended protocol that no Sync follows: a Query would break its group. */
  get endsInGroup(): boolean {
    return this.#length > 0 && (this.#entryAt(this.#length - 1) & 15) <= Owed.Execute;
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
   * Requests that the database is certain to ignore leave no entry; their note is undone.
   */
  append(entry: number, note: OwedNote | null = null): void {
    const kind = entry & 15;
    if (this.#skipping) {
      if (kind !== Owed.Sync) {
        note?.undo(true);
        return;
      }
      this.#skipping = false;
    } else if (this.#copyIn) {
      if (kind === Owed.Sync) {
        this.#ambiguous = true;
        return;
      }
      if (kind === Owed.CopyEnd) {
        this.#copyIn = false;
        return;
      }
    } else if (kind === Owed.CopyEnd && this.#length === 0) {
      // Outside COPY the database ignores CopyDone and CopyFail.
      return;
    }
    if (this.#length === this.#entries.length) this.#grow();
    const at = (this.#first + this.#length) & (this.#entries.length - 1);
    this.#entries[at] = entry;
    this.#notes[at] = note;
    this.#length++;
  }

  /** Takes the head away: its reply is complete. */
  shift(): void {
    this.#notes[this.#first] = null;
    this.#first = (this.#first + 1) & (this.#entries.length - 1);
    this.#length--;
    // A CopyEnd that no COPY preceded is ignored by the database, as soon as its turn has come.
    while (this.#length > 0 && ((this.#entries[this.#first] ?? 0) & 15) === Owed.CopyEnd) {
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
    if (endsGroup(kind)) return;
    let discarded = 0;
    while (discarded < this.#length && (this.#entryAt(discarded) & 15) !== Owed.Sync) discarded++;
    this.#skipping = discarded === this.#length;
    for (let i = discarded - 1; i >= 0; i--) {
      const at = (this.#first + i) & (this.#entries.length - 1);
      const note = this.#notes[at];
      this.#notes[at] = null;
      note?.undo(i > 0);
    }
    this.#first = (this.#first + discarded) & (this.#entries.length - 1);
    this.#length -= discarded;
  }

  /** The reply at the head is dropped: its request is made again. */
  swallowHead(): void {
    this.#entries[this.#first] = (this.head & 15) | Fate.Swallow;
  }

  /**
   * The head answered CopyInResponse. What was already sent behind it, up to CopyDone or CopyFail, was read as
   * part of the COPY. Returns false when something other than Sync stands there, which cannot be followed.
   */
  startCopyIn(): boolean {
    this.#copyIn = true;
    while (this.#length > 1) {
      const kind = this.#entryAt(1) & 15;
      if (kind === Owed.Sync) this.#ambiguous = true;
      else if (kind === Owed.CopyEnd) this.#copyIn = false;
      else return false;
      this.#removeSecond();
      if (!this.#copyIn) return true;
    }
    return true;
  }

  /** Whatever is still owed is owed to nobody: its session has gone. The proxy's own requests stay. */
  abandon(): void {
    for (let i = 0; i < this.#length; i++) {
      const at = (this.#first + i) & (this.#entries.length - 1);
      const entry = this.#entries[at] ?? 0;
      if ((entry & 0xf0) === Fate.Watch) continue;
      this.#entries[at] = (entry & 15) | Fate.Abandon;
    }
  }

  /** Counts the groups still owed an end (ReadyForQuery) to the session, oldest first. */
  countGroups(): number {
    let groups = 0;
    for (let i = 0; i < this.#length; i++) {
      const entry = this.#entryAt(i);
      // What the proxy put in between is not the session's.
      if ((entry & 0xf0) === Fate.Relay && endsGroup(entry & 15)) groups++;
    }
    return groups;
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
    this.#notes[this.#first] = null;
    this.#first = second;
    this.#length--;
  }

  #grow(): void {
    const size = this.#entries.length;
    const entries = new Uint8Array(size * 2);
    const notes: (OwedNote | null)[] = Array.from({ length: size * 2 }, () => null);
    for (let i = 0; i < this.#length; i++) {
      const at = (this.#first + i) & (size - 1);
      entries[i] = this.#entries[at] ?? 0;
      notes[i] = this.#notes[at] ?? null;
    }
    this.#entries = entries;
    this.#notes = notes;
    this.#first = 0;
  }
}
