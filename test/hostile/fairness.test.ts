import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bind, execute, fieldsOf, parse, query, rowsOf, sync } from '../helpers/messages.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { onEachRoute } from '../helpers/routes.ts';

/**
 * Pipelines this many statements repeatedly until it is stopped; counts the replies of the database. While its session
 * waits for the connection, the proxy answers a canceled statement itself.
 */
class Pipeliner {
  answered = 0;
  readonly #client: RawClient;
  readonly #group: Buffer;
  readonly #length: number;
  #isOver = false;
  readonly #running: Promise<void>;

  constructor(client: RawClient, text: string, length: number) {
    this.#client = client;
    this.#group = Buffer.concat(Array.from({ length }, () => query(text)));
    this.#length = length;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    this.#client.send(this.#group);
    while (!this.#isOver) {
      // One cycle is always in flight.
      this.#client.send(this.#group);
      await this.#read();
    }
    await this.#read();
  }

  async #read(): Promise<void> {
    for (let count = 0; count < this.#length; count += 1) {
      const reply = await this.#client.until('Z');
      const error = reply.find(({ code }) => code === 'E');
      // Errors of PostgreSQL name its function.
      if (error === undefined || 'R' in fieldsOf(error)) this.answered += 1;
    }
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }
}

const range = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

onEachRoute(
  'a client that pipelines in a pool of one connection',
  { routes: ['node', 'bun'], settings: { PoolSize: 1, MaxPendingReplies: 100 } },
  (route) => {
    test('gets all replies, in order', async (t) => {
      const client = await route().login(t);
      client.send(...range(600).map((at) => query(`SELECT ${at}`)));
      for (const at of range(600)) assert.deepEqual(rowsOf(await client.ready()), [[String(at)]]);
      // Without a Sync the database would keep its replies.
      const values = range(600).flatMap((at) => [bind('', [String(at)]), execute()]);
      client.send(parse('', 'SELECT $1'), ...values, sync);
      assert.deepEqual(
        rowsOf(await client.ready()),
        range(600).map((at) => [String(at)]),
      );
      client.send(...range(3000).map(() => sync), query('SELECT 1'));
      for (let at = 0; at < 3000; at += 1) await client.ready();
      assert.deepEqual(rowsOf(await client.ready()), [['1']]);
    });

    test('does not keep the connection from others', async (t) => {
      const [client, other] = [await route().login(t), await route().login(t)];
      const all = 1500;
      client.send(...range(all).map(() => query('SELECT pg_sleep(0.002)')));
      let answered = 0;
      const reading = (async () => {
        for (; answered < all; answered += 1) await client.ready();
      })().catch(() => undefined);
      for (const at of range(5)) assert.equal(await other.value(`SELECT ${at}`), String(at));
      assert(answered < all / 2, `${answered} statements of another client came first`);
      client.destroy();
      await reading;
    });

    test('does not do so by canceling its own statements', async (t) => {
      const client = await route().login(t);
      const pipeliner = new Pipeliner(client, 'SELECT pg_sleep(0.5)', 4);
      const over = new AbortController();
      const cancels = range(2).map(async () => {
        while (!over.signal.aborted) await client.cancel();
      });
      const other = await route().login(t);
      assert.equal(await other.value('SELECT 2'), '2');
      const before = pipeliner.answered;
      for (const at of range(8)) assert.equal(await other.value(`SELECT ${at}`), String(at));
      const meanwhile = pipeliner.answered - before;
      await pipeliner.stop();
      over.abort();
      await Promise.all(cancels);
      assert(meanwhile > 0);
      assert(meanwhile < 8 * 10, `${meanwhile} statements for 8 of another client`);
    });
  },
);
