import type { Postgres } from '@sluice/testkit';

/** The time to live that Amazon RDS sets for the name of an instance. */
export const dnsTimeToLive = 5000;

/**
 * Simulates how a client without a proxy finds the primary: by a DNS name that follows the primary, and whose answer
 * the client caches for the time to live. The initial age of the cached answer is random, as in an unplanned failover.
 */
export class DnsName {
  /** The current answer of DNS. */
  record: Postgres;
  #known: Postgres;
  #resolvedAt: number;

  constructor(record: Postgres) {
    this.record = record;
    this.#known = record;
    this.#resolvedAt = Date.now() - Math.random() * dnsTimeToLive;
  }

  /** The address that a client currently uses. */
  resolve(): Postgres {
    if (Date.now() - this.#resolvedAt >= dnsTimeToLive) {
      this.#known = this.record;
      this.#resolvedAt = Date.now();
    }
    return this.#known;
  }

  /** Gives the cached answer a random age, for a new round. */
  refresh(): void {
    this.#known = this.record;
    this.#resolvedAt = Date.now() - Math.random() * dnsTimeToLive;
  }
}
