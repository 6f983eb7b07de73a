import { bodyAt, noData, noParameters } from '@sluice/wire';
import { BackendState } from '../../src/backend/backend-state.ts';
import { Action, PendingReplies, Reply } from '../../src/protocol/pending-replies.ts';
import type { ReplyNote } from '../../src/protocol/pending-replies.ts';
import type { RewriterSink } from '../../src/session/rewriter-sink.ts';
import { requestsIn } from '../scripted-server.ts';

const replyNames = new Map<Reply, string>(
  Object.entries(Reply).map(([name, reply]) => [reply, name]),
);
const actionNames = new Map<Action, string>(
  Object.entries(Action).map(([name, action]) => [action, name]),
);

/** Records requests and their pending replies, and answers none of them. */
export class RecordingSink implements RewriterSink {
  readonly pending = new PendingReplies();
  readonly state = new BackendState(new Map([['server_encoding', 'UTF8']]), 100);
  readonly leaseOwner = null;
  cycleOpen = false;
  /** The answer to Describe of a statement: its parameters, and its rows. */
  describes: readonly [Buffer, Buffer] = [noParameters, noData];
  /** Why no other session gets the connection. */
  readonly reasons: string[] = [];
  #written: Buffer[] = [];
  readonly output = {
    add: (bytes: Buffer): void => void this.#written.push(bytes),
    addRange: (chunk: Buffer, start: number, end: number): void =>
      void this.#written.push(chunk.subarray(start, end)),
  };

  get midCycle(): boolean {
    return this.cycleOpen || this.pending.endsMidCycle;
  }

  retire(reason: string): void {
    this.reasons.push(reason);
  }

  /** The bytes of the requests since the last call. */
  bytes(): Buffer {
    const bytes = Buffer.concat(this.#written);
    this.#written = [];
    return bytes;
  }

  /** The requests since the last call, in words. */
  requests(): string[] {
    return requestsIn(this.bytes());
  }

  /** The database answers everything with success. Returns the answered requests with their actions, in words. */
  answer(): string[] {
    const answered: string[] = [];
    while (this.pending.length > 0) {
      const { headNote } = this.pending;
      answered.push(this.#head());
      if (this.pending.headReply === Reply.DescribeStatement)
        for (const message of this.describes)
          headNote?.described?.(message[0] ?? 0, message, bodyAt(0), message.length);
      this.pending.shift();
      headNote?.completed?.();
    }
    return answered;
  }

  /** The database refuses the oldest request, and skips those after it up to Sync. Returns its note. */
  refuse(): ReplyNote | null {
    const { headNote } = this.pending;
    this.pending.fail();
    return headNote;
  }

  #head(): string {
    const { headReply, headAction } = this.pending;
    return `${replyNames.get(headReply)} ${actionNames.get(headAction)}`;
  }
}
