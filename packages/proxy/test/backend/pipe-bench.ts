import { MemorySocket } from '../scripted-server.ts';
import { Pipe } from '../../src/backend/pipe.ts';
import type {
  ErrorMessage,
  FailureOutcome,
  NoticeOutcome,
  PipeOwner,
} from '../../src/backend/pipe.ts';
import { InternalQuery } from '../../src/protocol/internal-query.ts';
import type { ReplyNote, ReplyOwner } from '../../src/protocol/pending-replies.ts';

/** The owner of pending replies, which records what it gets. */
export class Reader implements ReplyOwner {
  readonly name: string;
  readonly log: string[];
  blocked = false;
  received = Buffer.alloc(0);
  cycles = 0;

  constructor(name: string, log: string[] = []) {
    this.name = name;
    this.log = log;
  }

  relay(chunk: Buffer, start: number, end: number): void {
    this.received = Buffer.concat([this.received, chunk.subarray(start, end)]);
  }

  flushReplies(): void {
    this.log.push(`${this.name} flush`);
  }

  syncsIgnored(count: number): void {
    if (count > 0) this.log.push(`${this.name} ignored ${count}`);
  }

  cycleEnded(): void {
    this.cycles++;
    this.log.push(`${this.name} cycle`);
  }
}

/** A pipe to a scripted server, and the calls to its owner. */
export class Bench implements PipeOwner {
  readonly socket = new MemorySocket();
  readonly log: string[] = [];
  readonly pipe: Pipe;
  failure: (message: ErrorMessage, handOver: () => void) => FailureOutcome = (
    _message,
    handOver,
  ) => {
    handOver();
    this.pipe.pending.fail();
    return 'forwarded';
  };
  notice: NoticeOutcome = 'forwarded';
  forwardsParameters = true;

  constructor() {
    this.pipe = new Pipe(this.socket, this);
  }

  received(): void {
    // Called for each chunk; most tests do not need it.
  }

  ready(status: number, note: ReplyNote | null): boolean {
    this.log.push(`ready ${String.fromCharCode(status)}`);
    if (note instanceof InternalQuery) note.finish();
    return !this.pipe.isClosed;
  }

  failed(message: ErrorMessage, handOver: () => void): FailureOutcome {
    this.log.push(`failed ${this.pipe.pending.headReply}`);
    return this.failure(message, handOver);
  }

  noticed(): NoticeOutcome {
    this.log.push('noticed');
    return this.notice;
  }

  parameter(chunk: Buffer, start: number, end: number): boolean {
    this.log.push(`parameter ${chunk.toString('latin1', start, end).replaceAll('\0', ' ')}`);
    return this.forwardsParameters;
  }

  drainedReplies(): void {
    this.log.push('nothing pending');
  }

  drained(): void {
    this.log.push('drained');
  }

  gone(reason: string): void {
    this.log.push(`gone: ${reason}`);
  }

  outOfSync(what: string): void {
    this.log.push(`out of sync: ${what}`);
    this.pipe.close();
  }

  failedToEnd(what: string): void {
    this.log.push(`failed to end: ${what}`);
  }

  orphanedCopy(): void {
    this.log.push('orphaned COPY');
    this.pipe.close();
  }
}
