import type { Pool } from '../pool/pool.ts';
import { events } from '../telemetry/events.ts';
import { Histogram } from '../telemetry/histogram.ts';

/** One loss of the writer, with the time of each step. Null: it has not come to that yet. */
export interface Failover {
  /** The first sign: what traffic or the health connection said. */
  readonly failureSignal: string | null;
  readonly failureSignalAt: Date | null;
  readonly formerWriter: string;
  readonly why: string;
  /** The loss was certain, and from here on everyone was held. */
  readonly detectedAt: Date;
  writer: string | null;
  writerFoundAt: Date | null;
  /** Sessions that waited when the writer was found. */
  waiting: number;
  firstServedAt: Date | null;
}

/** A fail-over as `/targets` tells it in JSON: times as ISO 8601. */
export type ToldFailover = {
  readonly [Key in keyof Failover]: Failover[Key] extends Date
    ? string
    : Date extends Failover[Key]
      ? string | null
      : Failover[Key];
};

/** How many fail-overs are kept to be told. */
const longestHistory = 20;

/** Tells fail-overs as they happen: as events, as a dated list, and as counts for the metrics. */
export class FailoverHistory {
  /** From the first sign to certainty. */
  readonly detection = new Histogram();
  /** From certainty to the new writer: the database's own part. */
  readonly promotion = new Histogram();
  /** From the new writer to the first answer that a client got. */
  readonly firstAnswer = new Histogram();
  count = 0;
  unfoundedSuspicions = 0;
  readonly #history: Failover[] = [];
  #sign: { readonly what: string; readonly at: Date } | null = null;

  /** The last fail-overs, oldest first. */
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

  /** `pools` are those whose first answer ends the story. */
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
