import { setTimeout as delay } from 'node:timers/promises';
import type { Postgres } from '@sluice/testkit';
import { DatabaseError, RawClient } from '../helpers/raw-client.ts';
import type { Address } from '../helpers/raw-client.ts';
import type { Watch } from '../isolation/watch.ts';
import type { Message } from '../helpers/messages.ts';
import { play, settlingMs } from './play.ts';
import type { Pace, Scene } from './play.ts';
import type { Connect, Login } from './player.ts';
import { reduce } from './reduce.ts';
import { isWorldly, takesEffectLater, textsOf } from './script.ts';
import type { Script } from './script.ts';
import { entryOf, firstDifference } from './transcript.ts';
import type { Difference } from './transcript.ts';
import { renewWorldSql, restoreSql, worldDatabase, writes } from './world.ts';

/** One side of a comparison: how its clients connect, and their database. */
export interface Side {
  readonly server: Postgres;
  readonly connect: Connect;
  /** The same with new connections, if `connect` reuses them. */
  readonly connectAgain?: Connect;
  /** Makes changed login-time settings known immediately, which otherwise takes up to a second. */
  readonly hurry?: () => Promise<void>;
  /** Starts again with new server connections. */
  readonly renew?: () => Promise<Connect>;
  /** Inspects server connections when they are borrowed. */
  readonly watch?: Watch;
}

/** A difference that a script found. */
export interface Finding extends Difference {
  readonly pace: Pace;
  readonly connections: number;
  /** The script. If it fails only after others, they come first. */
  readonly script: Script;
}

/** In one of this many scripts, the pool itself must notice changed login-time settings in time. */
const waits = 8;

/** How many scripts are recorded, for a difference that shows only after others. */
const remembered = 15;

/**
 * Two sides that must look the same to clients. Each has its own server, and therefore its own roles and configuration.
 * Runs one script after another over the same pool.
 */
export class Lane {
  /** The number of compared query cycles. */
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

  static async open(expected: Side, got: Side, connections: number): Promise<Lane> {
    const keepers = await Promise.all(
      // No session holds locks while the world changes. If one does, that is reported without waiting.
      [expected, got].map(({ server }) =>
        RawClient.login(addressOf(server), { parameters: { options: '-c lock_timeout=5s' } }),
      ),
    );
    return new Lane(expected, got, connections, keepers);
  }

  /**
   * Runs a script on both sides; `null` if clients saw the same. The scripts share one pool, even if the world has
   * changed in between. After the first difference every script has a new pool, so that the result does not depend on
   * earlier attempts to shrink the script.
   */
  async compare(script: Script, pace: Pace): Promise<Finding | null> {
    if (this.#isShrinking) return this.tryAgain(script, pace);
    const finding = await this.#run(script, pace);
    this.#history.push(script);
    if (this.#history.length > remembered) this.#history.shift();
    if (finding === null) return null;

    this.#isShrinking = true;
    const alone = await this.tryAgain(script, pace);
    if (alone !== null) return alone;
    // It shows only after other scripts, which fast-check did not generate as one and cannot shrink.
    const all = this.#history.flat();
    const together = await this.tryAgain(all, pace);
    if (together === null) {
      const { step } = finding;
      const before = all.length - script.length;
      return { ...finding, step: step === undefined ? step : before + step, script: all };
    }
    const reduced = await reduce(all, async (steps) => (await this.tryAgain(steps, pace)) !== null);
    return (await this.tryAgain(reduced, pace)) ?? together;
  }

  /** Continues after a finding, with a new pool. */
  async goOn(): Promise<void> {
    this.#isShrinking = false;
    this.#history = [];
    await this.#renew();
  }

  /** Runs a script over a new pool. */
  async tryAgain(script: Script, pace: Pace): Promise<Finding | null> {
    await this.#renew();
    return this.#run(script, pace);
  }

  async #renew(): Promise<void> {
    if (this.#got.renew !== undefined) this.#connect = await this.#got.renew();
  }

  async #run(script: Script, pace: Pace): Promise<Finding | null> {
    const options = { pace, connections: this.connections };
    const numbered = withNumber(script);
    const text = JSON.stringify(script);
    // A connection that logged in before the world changed would differ from one that logs in afterwards.
    const isNew = takesEffectLater(text);
    const [expected, got] = await Promise.all([
      play(numbered, this.#scene(this.#expected, { isNew, hurries: true }), options),
      play(
        numbered,
        this.#scene(this.#got, { isNew, hurries: text.length % waits !== 0 }),
        options,
      ),
    ]);
    const strange = await this.#strangers(isNew);
    if (isWorldly(script)) await this.#renewWorld(script);
    else if (script.flatMap(textsOf).some(writes)) {
      await Promise.all(this.#keepers.map((keeper) => keeper.rows(restoreSql)));
    }
    for (const step of script) this.groups += 'send' in step ? step.send.length : 0;
    const difference = firstDifference(expected, got) ?? strange;
    return difference && { ...difference, ...options, script };
  }

  #scene(
    side: Side,
    { isNew, hurries }: { readonly isNew: boolean; readonly hurries: boolean },
  ): Scene {
    const keeper = this.#keepers[side === this.#expected ? 0 : 1];
    const connect = side === this.#got && side.renew !== undefined ? this.#connect : side.connect;
    return {
      connect: isNew ? (side.connectAgain ?? connect) : connect,
      change: async (text) => {
        if (keeper === undefined) throw new Error('the side has no keeper');
        const messages: Message[] = [];
        for (const one of text.split(';;')) messages.push(...(await keeper.query(one)));
        return entryOf(messages, new Map());
      },
      hurry: hurries ? side.hurry : undefined,
    };
  }

  /**
   * State that a session must not find on its connection, although it may not have noticed it. `isOther`: new
   * connections had other settings in between, so there is nothing to compare with.
   */
  async #strangers(isOther: boolean): Promise<Difference | null> {
    const { watch } = this.#got;
    if (watch === undefined) return null;
    if (isOther) {
      watch.skip();
      return null;
    }
    const found = await watch.take();
    if (found.length === 0) return null;
    return {
      step: undefined,
      expected: 'nothing of others on a connection',
      got: found.join('; '),
    };
  }

  /** Restores the world, and informs the pool. */
  async #renewWorld(script: Script): Promise<void> {
    const texts = [...renewWorldSql(script), restoreSql];
    await Promise.all(
      this.#keepers.map(async (keeper) => {
        for (const text of texts) await keeper.rows(text);
      }),
    );
    const all = JSON.stringify(script);
    if (!takesEffectLater(all)) return;
    if (/pg_reload_conf/.test(all)) await delay(settlingMs);
    await this.#got.hurry?.();
  }

  async close(): Promise<void> {
    await Promise.all(this.#keepers.map((keeper) => keeper.end()));
  }
}

let runs = 0;

/**
 * Replaces `#` with a number that no other run has: what the proxy has learned about a text in one run must not affect
 * the next one.
 */
function withNumber(script: Script): Script {
  runs += 1;
  let places = 0;
  const text = JSON.stringify(script).replaceAll('#', () => `${runs}_${(places += 1)}`);
  return JSON.parse(text) as Script;
}

/** The address of a server for direct connections. */
export function addressOf(server: Postgres, database = worldDatabase): Address {
  const { host, port, user, password } = server;
  return { host, port, user, password, database };
}

/** Clients that log in at an address. */
export function connectTo(address: Address): Connect {
  return async (parameters, encoding = 'utf8'): Promise<Login> => {
    const client = await RawClient.open(address);
    try {
      const messages = await client.login({ parameters, encoding });
      return { talker: client, entry: entryOf(messages, client.parameters) };
    } catch (error) {
      client.destroy();
      if (!(error instanceof DatabaseError)) throw error;
      return { talker: null, entry: entryOf([], new Map(), error.message) };
    }
  };
}
