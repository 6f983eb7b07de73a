import type { Postgres } from '@sluice/testkit';

/** What Amazon RDS gives the name of an instance. */
export const dnsTimeToLive = 5000;

/**
 * How a client without a proxy finds the primary: by a DNS name that follows it, whose answer it believes for the time to
 * live. The age of what it knows at first is random, as when a failover comes unannounced.
 */
export class DnsName {
  /** What DNS says now. */
  record: Postgres;
  #known: Postgres;
  #askedAt: number;

  constructor(record: Postgres) {
    this.record = record;
    this.#known = record;
    this.#askedAt = Date.now() - Math.random() * dnsTimeToLive;
  }

  /** Where a client dials at this moment. */
  resolve(): Postgres {
    if (Date.now() - this.#askedAt >= dnsTimeToLive) {
      this.#known = this.record;
      this.#askedAt = Date.now();
    }
    return this.#known;
  }

  /** The clients have known the present answer for a random time, as before a new round. */
  refresh(): void {
    this.#known = this.record;
    this.#askedAt = Date.now() - Math.random() * dnsTimeToLive;
  }
}
