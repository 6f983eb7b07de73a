import { setTimeout as delay } from 'node:timers/promises';
import * as messages from '../../helpers/messages.ts';
import type { Message } from '../../helpers/messages.ts';
import { DatabaseError, RawClient } from '../../helpers/raw-client.ts';
import type { Address } from '../../helpers/raw-client.ts';
import type { Random } from '../fuzz/random.ts';

/** A reply that is wrong regardless of faults. */
class WrongAnswer extends Error {
  override readonly name = 'WrongAnswer';
}

/** What a client needs to know about its run. */
export interface Run {
  readonly address: Address;
  readonly random: Random;
  readonly isOver: () => boolean;
  /** Whether a fault explains an error of a request that started at `began`. */
  readonly isExplained: (began: number, error: unknown) => boolean;
  readonly done: (what: string) => void;
  /** Reports what no fault explains. */
  readonly violated: (what: string) => void;
}

/**
 * A cancel request may arrive late and end the next statement, as with PostgreSQL; up to this many milliseconds later.
 */
const lateCancel = 10_000;

/** One of many clients with all kinds of actions, which checks each reply. */
export class ChaosClient {
  /** Rows whose COMMIT was acknowledged. */
  readonly acknowledged: number[] = [];
  readonly #id: number;
  readonly #run: Run;
  #client: RawClient | null = null;
  #nextRow = 0;
  #count = 0;
  #cancelledAt = -Infinity;

  constructor(id: number, run: Run) {
    this.#id = id;
    this.#run = run;
  }

  async work(): Promise<void> {
    const { random, isOver } = this.#run;
    while (!isOver()) {
      const [what, act] = random.pick(this.#kinds);
      const began = performance.now();
      try {
        this.#client ??= await this.#enter();
        await act();
        this.#run.done(what);
      } catch (error) {
        this.#judge(what, began, error);
      }
      await delay(random.between(20, 400));
    }
    this.#client?.destroy();
  }

  /** A fault may have to explain an error; afterwards the client starts again. */
  #judge(what: string, began: number, error: unknown): void {
    this.#client?.destroy();
    this.#client = null;
    const isLate =
      error instanceof DatabaseError &&
      error.code === '57014' &&
      began < this.#cancelledAt + lateCancel;
    if (error instanceof WrongAnswer || (!isLate && !this.#run.isExplained(began, error))) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : '';
      this.#run.violated(`client ${this.#id}, ${what}: ${String(error)} ${String(cause)}`);
    } else this.#run.done(`${what}: ${error instanceof DatabaseError ? error.code : 'closed'}`);
  }

  async #enter(): Promise<RawClient> {
    const client = await RawClient.login(this.#run.address);
    this.#client = client;
    client.send(
      messages.query(`SET app.who = '${this.#id}'; LISTEN "channel ${this.#id}"`),
      messages.parse('mine', "SELECT $1::int * 2, current_setting('app.who', true)"),
      messages.sync,
    );
    await this.#ready(client);
    await this.#ready(client);
    return client;
  }

  /** The messages up to ReadyForQuery; throws an error, or a notification for another client. */
  async #ready(client: RawClient): Promise<Message[]> {
    const answer: Message[] = [];
    let failure: DatabaseError | null = null;
    for (;;) {
      const message = await client.next().catch((error: unknown) => {
        // If the connection was closed after an error, the error is the reason.
        throw failure ?? error;
      });
      answer.push(message);
      const { code, body } = message;
      if (code === 'A' && !body.includes(`channel ${this.#id}\0from ${this.#id}\0`))
        throw new WrongAnswer(`a notification of another: ${body.toString('latin1')}`);
      if (code === 'E') failure = new DatabaseError(message);
      if (code !== 'Z') continue;
      if (failure !== null) throw failure;
      return answer;
    }
  }

  async #ask(...bytes: readonly Buffer[]): Promise<(string | null)[][]> {
    const client = this.#client;
    if (client === null) throw new Error('there is no client');
    client.send(...bytes);
    return messages.rowsOf(await this.#ready(client));
  }

  #expect(rows: (string | null)[][], ...wanted: (string | null)[]): void {
    if (JSON.stringify(rows) !== JSON.stringify([wanted]))
      throw new WrongAnswer(`${JSON.stringify(rows)} in place of ${JSON.stringify([wanted])}`);
  }

  readonly #kinds: readonly (readonly [what: string, act: () => Promise<void>])[] = [
    [
      'read',
      async () => {
        this.#count += 1;
        const text = `SELECT ${this.#count}, current_setting('app.who', true)`;
        this.#expect(await this.#ask(messages.query(text)), String(this.#count), String(this.#id));
      },
    ],
    [
      'prepared',
      async () => {
        this.#count += 1;
        const rows = await this.#ask(
          messages.bind('mine', [String(this.#count)]),
          messages.execute(),
          messages.sync,
        );
        this.#expect(rows, String(this.#count * 2), String(this.#id));
      },
    ],
    [
      'insert',
      async () => {
        const row = this.#nextRow++;
        await this.#ask(messages.query(`INSERT INTO journal VALUES (${this.#id}, ${row})`));
        this.acknowledged.push(row);
      },
    ],
    [
      'transaction',
      async () => {
        const row = this.#nextRow++;
        await this.#ask(messages.query('BEGIN'));
        await this.#ask(
          messages.parse('', 'INSERT INTO journal VALUES ($1::int, $2::int)'),
          messages.bind('', [String(this.#id), String(row)]),
          messages.execute(),
          messages.sync,
        );
        const own = `SELECT count(*) FROM journal WHERE client = ${this.#id} AND n = ${row}`;
        this.#expect(await this.#ask(messages.query(own)), '1');
        await this.#ask(messages.query('COMMIT'));
        this.acknowledged.push(row);
      },
    ],
    [
      'rollback',
      async () => {
        await this.#ask(messages.query('BEGIN'));
        await this.#ask(messages.query(`INSERT INTO journal VALUES (${this.#id}, -1)`));
        await this.#ask(messages.query('ROLLBACK'));
      },
    ],
    [
      'notify',
      async () => {
        await this.#ask(messages.query(`NOTIFY "channel ${this.#id}", 'from ${this.#id}'`));
      },
    ],
    [
      'cancel',
      async () => {
        const client = this.#client;
        if (client === null) return;
        this.#cancelledAt = performance.now();
        const answer = this.#ask(messages.query('SELECT pg_sleep(3)')).catch((error: unknown) => {
          if (!(error instanceof DatabaseError) || error.code !== '57014') throw error;
        });
        const cancel = delay(this.#run.random.between(0, 60)).then(() => client.cancel());
        await Promise.all([answer, cancel]);
      },
    ],
    [
      'vanish',
      async () => {
        const whole = messages.query(`INSERT INTO journal VALUES (${this.#id}, -2)`);
        this.#client?.send(whole.subarray(0, this.#run.random.between(1, whole.length - 1)));
        this.#client?.destroy();
        this.#client = null;
        await Promise.resolve();
      },
    ],
  ];
}
