import type { Pool } from '../pool/pool.ts';
import { events } from '../telemetry/events.ts';
import { Histogram } from '../telemetry/histogram.ts';

/** One loss of the writer, with the time of each step; null if a step has not been reached. */
export interface Failover {
  /** The first failure signal, from traffic or the health connection. */
  readonly failureSignal: string | null;
  readonly failureSignalAt: Date | null;
  readonly formerWriter: string;
  readonly why: string;
  /** The proxy considered the writer lost; from here on all sessions wait. */
  readonly detectedAt: Date;
  writer: string | null;
  writerFoundAt: Date | null;
  /** The number of sessions that waited when the writer was found. */
  waiting: number;
  firstServedAt: Date | null;
}

/** A failover in the JSON of `/targets`: times as ISO 8601. */
export type ReportedFailover = {
  readonly [Key in keyof Failover]: Failover[Key] extends Date
    ? string
    : Date extends Failover[Key]
      ? string | null
      : Failover[Key];
};

/** The maximum length of the failover history. */
const longestHistory = 20;

/** Records failovers as they happen: as events, as the failover history, and as counts for the metrics. */
export class FailoverHistory {
  /** From the failure signal to the detection. */
  readonly detection = new Histogram();
  /** From the detection to the new writer: mostly the time of the database. */
  readonly promotion = new Histogram();
  /** From the new writer to its first response to a client. */
  readonly firstAnswer = new Histogram();
  count = 0;
  unfoundedSuspicions = 0;
  readonly #history: Failover[] = [];
  #sign: { readonly what: string; readonly at: Date } | null = null;

  /** The last failovers, oldest first. */
  get history(): readonly Failover[] {
    return this.#history;
  }

  failureSignal(target: string, what: string): void {
    this.#sign = { what, at: new Date() };
    events.writerSuspected.publish({ target, failureSignal: what });
  }

  unfounded(): void {
    this.unfoundedSuspicions++;
    this.#sign = null;
  }

  lost(target: string, why: string): void {
    const detectedAt = new Date();
    const sign = this.#sign;
    this.#sign = null;
    this.count++;
    this.detection.observe(sign === null ? 0 : detectedAt.getTime() - sign.at.getTime());
    this.#history.push({
      failureSignal: sign?.what ?? null,
      failureSignalAt: sign?.at ?? null,
      formerWriter: target,
      why,
      detectedAt,
      writer: null,
      writerFoundAt: null,
      waiting: 0,
      firstServedAt: null,
    });
    if (this.#history.length > longestHistory) this.#history.shift();
    events.writerLost.publish({ target, why, failureSignal: sign?.what ?? null });
  }

  /** `pools` are those whose first response ends the failover. */
  found(target: string, waiting: number, pools: Iterable<Pool>): void {
    const failover = this.#history.at(-1);
    const afterMs =
      failover?.writerFoundAt === null ? Date.now() - failover.detectedAt.getTime() : null;
    events.writerFound.publish({ target, waiting, afterMs });
    if (failover === undefined || afterMs === null) return;
    failover.writer = target;
    failover.writerFoundAt = new Date();
    failover.waiting = waiting;
    this.promotion.observe(afterMs);
    const watched = [...pools];
    for (const { stats } of watched) {
      stats.onAnswer = () => {
        for (const pool of watched) pool.stats.onAnswer = null;
        this.#served(failover);
      };
    }
  }

  #served(failover: Failover): void {
    failover.firstServedAt = new Date();
    const afterMs = Date.now() - (failover.writerFoundAt?.getTime() ?? 0);
    this.firstAnswer.observe(afterMs);
    events.firstStatementServed.publish({ target: failover.writer, afterMs });
  }
}
