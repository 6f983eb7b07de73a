import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { bind, execute, parse, rowsOf, summary, sync } from '../../helpers/messages.ts';
import { DatabaseError, RawClient } from '../../helpers/raw-client.ts';
import type { Address } from '../../helpers/raw-client.ts';

/** The pause between two rounds, so that bystanders leave CPU time for the others. */
const pauseMs = 30;

/**
 * Well-behaved clients beside hostile ones, which check every reply: one with its own settings, one with a prepared
 * statement, one that writes, one that logs in each time.
 */
export class Bystanders {
  /** The first problem, if any. */
  trouble: string | null = null;
  /** The number of correct rounds. */
  rounds = 0;
  readonly #address: Address;
  /** Whether an error is allowed now; a wrong reply never is. */
  readonly #isExcused: () => boolean;
  #isOver = false;
  #written = 0;
  readonly #running: Promise<unknown>;

  constructor(address: Address, isExcused: () => boolean) {
    this.#address = address;
    this.#isExcused = isExcused;
    this.#running = Promise.all([
      this.#loop((client) => this.#settings(client)),
      this.#loop((client) => this.#prepared(client)),
      this.#loop((client) => this.#writer(client)),
      this.#loop(() => this.#newcomer()),
    ]);
  }

  /** Creates what they need in the database. */
  static async prepare(query: (text: string) => Promise<unknown>): Promise<void> {
    await query(
      'CREATE TABLE ledger (id int PRIMARY KEY, n int); INSERT INTO ledger VALUES (1, 0)',
    );
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  /** Runs one of them repeatedly on one connection, and on a new one after an excused error. */
  async #loop(begin: (client: RawClient) => Promise<() => Promise<void>>): Promise<void> {
    while (!this.#isOver && this.trouble === null) {
      let client: RawClient | null = null;
      try {
        client = await RawClient.login(this.#address);
        const round = await begin(client);
        while (!this.#isOver && this.trouble === null) {
          await round();
          this.rounds += 1;
          await delay(pauseMs);
        }
      } catch (error) {
        const isWrong = error instanceof assert.AssertionError;
        if (isWrong || !this.#isExcused()) this.trouble ??= `a bystander: ${inspect(error)}`;
        await delay(pauseMs);
      } finally {
        client?.destroy();
      }
    }
  }

  async #settings(client: RawClient): Promise<() => Promise<void>> {
    await client.rows("SET app.who = 'bystander'; SET work_mem = '5MB'");
    let count = 0;
    return async () => {
      count += 1;
      const rows = await client.rows(
        `SELECT ${count}, current_setting('app.who'), current_setting('work_mem'), current_setting('application_name'), current_user`,
      );
      assert.deepEqual(rows, [[String(count), 'bystander', '5MB', '', this.#address.user]]);
    };
  }

  async #prepared(client: RawClient): Promise<() => Promise<void>> {
    client.send(parse('a', 'SELECT $1::int + 1'), sync);
    assert.equal(summary(await client.ready()), '1 | Z I');
    let count = 0;
    return async () => {
      count += 1;
      client.send(bind('a', [String(count)]), execute(), sync);
      const answer = await client.ready();
      const error = answer.find(({ code }) => code === 'E');
      if (error !== undefined) throw new DatabaseError(error);
      assert.deepEqual(rowsOf(answer), [[String(count + 1)]]);
    };
  }

  async #writer(client: RawClient): Promise<() => Promise<void>> {
    // After an error it is unknown whether the last row was written.
    this.#written = Number(await client.value('SELECT n FROM ledger'));
    return async () => {
      const text = 'BEGIN; UPDATE ledger SET n = n + 1; COMMIT; SELECT n FROM ledger';
      this.#written += 1;
      assert.equal(await client.value(text), String(this.#written));
    };
  }

  #newcomer(): Promise<() => Promise<void>> {
    return Promise.resolve(async () => {
      const client = await RawClient.login(this.#address);
      try {
        assert.equal(
          await client.value("SELECT coalesce(current_setting('app.who', true), '')"),
          '',
        );
      } finally {
        client.destroy();
      }
    });
  }
}
