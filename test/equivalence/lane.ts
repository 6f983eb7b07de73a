import type { Postgres } from '@sluice/lab';
import { DatabaseError, RawClient } from '../helpers/raw-client.ts';
import type { Address } from '../helpers/raw-client.ts';
import { play } from './play.ts';
import type { Pace } from './play.ts';
import type { Connect, Login } from './player.ts';
import { reduce } from './reduce.ts';
import { textsOf } from './script.ts';
import type { Script } from './script.ts';
import { entryOf, firstDifference } from './transcript.ts';
import type { Difference } from './transcript.ts';
import { restoreSql, writes } from './world.ts';

/** One side of a comparison: how its clients connect, and the database they end up in. */
export interface Side {
  readonly connect: Connect;
  readonly database: string;
  /** Begins anew with database connections that nobody has used. */
  readonly renew?: () => Promise<Connect>;
}

/** What scripts ran into. */
export interface Finding extends Difference {
  readonly pace: Pace;
  readonly connections: number;
  /** The script. Where it fails only after others, they stand in front of it. */
  readonly script: Script;
}

/** How many scripts are remembered, for a difference that only shows after others. */
const remembered = 15;

/**
 * Two sides that must look the same to clients, each with a database of its own: copies of one template, so that even
 * OIDs agree. Runs one script after the other, over the same pool.
 */
export class Lane {
  /** Groups of messages that were compared so far. */
  groups = 0;
  readonly connections: number;
  readonly #expected: Side;
  readonly #got: Side;
  readonly #keepers: readonly RawClient[];
  #connect: Connect;
  #history: Script[] = [];
  #isShrinking = false;

  private constructor(expected: Side, got: Side, connections: number, keepers: RawClient[]) {
    this.#expected = expected;
    this.#got = got;
    this.#connect = got.connect;
    this.connections = connections;
    this.#keepers = keepers;
  }

  static async open(
    server: Postgres,
    expected: Side,
    got: Side,
    connections: number,
  ): Promise<Lane> {
    const keepers = await Promise.all(
      [expected, got].map(({ database }) => RawClient.login(addressOf(server, database))),
    );
    return new Lane(expected, got, connections, keepers);
  }

  /**
   * Runs a script on both sides; `null` when clients saw the same. After the first difference every script has a pool
   * of its own, so that what is found does not depend on what is tried on the way to the smallest script.
   */
  async compare(script: Script, pace: Pace): Promise<Finding | null> {
    if (this.#isShrinking) return this.tryAnew(script, pace);
    const finding = await this.#run(script, pace);
    this.#history.push(script);
    if (this.#history.length > remembered) this.#history.shift();
    if (finding === null) return null;

    this.#isShrinking = true;
    const alone = await this.tryAnew(script, pace);
    if (alone !== null) return alone;
    // It shows only after other scripts, which fast-check did not make as one and cannot shrink.
    const all = this.#history.flat();
    const together = await this.tryAnew(all, pace);
    if (together === null) {
      const { step } = finding;
      const before = all.length - script.length;
      return { ...finding, step: step === undefined ? step : before + step, script: all };
    }
    const reduced = await reduce(all, async (steps) => (await this.tryAnew(steps, pace)) !== null);
    return (await this.tryAnew(reduced, pace)) ?? together;
  }

  /** Runs a script over a pool that nobody has used. */
  async tryAnew(script: Script, pace: Pace): Promise<Finding | null> {
    if (this.#got.renew !== undefined) this.#connect = await this.#got.renew();
    return this.#run(script, pace);
  }

  async #run(script: Script, pace: Pace): Promise<Finding | null> {
    const options = { pace, connections: this.connections };
    const numbered = withNumber(script);
    const [expected, got] = await Promise.all([
      play(numbered, this.#expected.connect, options),
      play(numbered, this.#connect, options),
    ]);
    if (script.flatMap(textsOf).some(writes)) {
      await Promise.all(this.#keepers.map((keeper) => keeper.rows(restoreSql)));
    }
    for (const step of script) this.groups += 'send' in step ? step.send.length : 0;
    const difference = firstDifference(expected, got);
    return difference && { ...difference, ...options, script };
  }

  async close(): Promise<void> {
    await Promise.all(this.#keepers.map((keeper) => keeper.end()));
  }
}

let runs = 0;

/**
 * Puts a number that no other run has in place of `#`: what the proxy has learned of a text in one run, on the way to a
 * smaller script say, must not tell in the next.
 */
function withNumber(script: Script): Script {
  runs += 1;
  let places = 0;
  const text = JSON.stringify(script).replaceAll('#', () => `${runs}_${(places += 1)}`);
  return JSON.parse(text) as Script;
}

/** Where a server is reached directly, in one of its databases. */
export function addressOf(server: Postgres, database: string): Address {
  const { host, port, user, password } = server;
  return { host, port, user, password, database };
}

/** Clients that log in at an address. */
export function connectTo(address: Address): Connect {
  return async (parameters): Promise<Login> => {
    const client = await RawClient.open(address);
    try {
      const messages = await client.login({ parameters });
      return { talker: client, entry: entryOf(messages, client.parameters) };
    } catch (error) {
      client.destroy();
      if (!(error instanceof DatabaseError)) throw error;
      return { talker: null, entry: entryOf([], new Map(), error.message) };
    }
  };
}
