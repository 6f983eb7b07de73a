import { setTimeout as delay } from 'node:timers/promises';
import { Client, escapeIdentifier, escapeLiteral } from 'pg';
import { ProveError } from '../prove-error.ts';

/** A running `sluice prove` writes that often that it is alive, in milliseconds. */
const heartbeatMs = 2000;

/** A run whose heartbeat has not moved for so long is over, in milliseconds. */
const deadAfterMs = 8000;

const marker = 'made by sluice prove; dropped when it ends';

/** The connection with which a run prepares the database, watches it, and cleans up. */
export class Control {
  readonly schema: string;
  readonly #url: () => string;
  readonly #timer: NodeJS.Timeout;
  #client: Client | undefined;
  #hasSchema = false;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(url: () => string, schema: string) {
    this.#url = url;
    this.schema = schema;
    this.#timer = setInterval(() => {
      if (!this.#hasSchema) return;
      this.query(`UPDATE ${this.#runTable} SET beats = beats + 1, at = clock_timestamp()`).catch(
        () => undefined,
      );
    }, heartbeatMs);
    this.#timer.unref();
  }

  /** Connects. `url` tells where, also later on, when the connection was lost. */
  static async connect(url: () => string, schema: string): Promise<Control> {
    const control = new Control(url, schema);
    try {
      await control.query('SELECT 1');
    } catch (error) {
      await control.end();
      throw error;
    }
    return control;
  }

  get #runTable(): string {
    return `${escapeIdentifier(this.schema)}.prove_run`;
  }

  /** Whether an earlier run left its schema, and whether that run is still alive. */
  async findEarlierRun(): Promise<'none' | 'left behind' | 'running'> {
    const [row] = await this.query<{ comment: string | null }>(
      `SELECT obj_description(oid, 'pg_namespace') AS comment FROM pg_namespace WHERE nspname = $1`,
      [this.schema],
    );
    if (row === undefined) return 'none';
    if (row.comment !== marker) {
      throw new ProveError(
        `the database has a schema "${this.schema}" that sluice prove did not make; choose another name with --schema`,
      );
    }
    const beats = async (): Promise<number | undefined> => {
      const rows = await this.query<{ beats: number }>(`SELECT beats FROM ${this.#runTable}`).catch(
        () => [],
      );
      return rows[0]?.beats;
    };
    const [age] = await this.query<{ seconds: number }>(
      `SELECT extract(epoch FROM clock_timestamp() - at)::float AS seconds FROM ${this.#runTable}`,
    ).catch(() => []);
    if (age === undefined || age.seconds * 1000 > deadAfterMs) return 'left behind';
    const before = await beats();
    const deadline = performance.now() + deadAfterMs;
    while (performance.now() < deadline) {
      await delay(250);
      if ((await beats()) !== before) return 'running';
    }
    return 'left behind';
  }

  /** Makes the schema; one that an earlier run left is dropped first. */
  async createSchema(): Promise<void> {
    const schema = escapeIdentifier(this.schema);
    await this.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
    await this.query(`CREATE SCHEMA ${schema}`);
    await this.query(`COMMENT ON SCHEMA ${schema} IS ${escapeLiteral(marker)}`);
    await this.query(
      `CREATE TABLE ${this.#runTable} AS SELECT 0 AS beats, clock_timestamp() AS at`,
    );
    this.#hasSchema = true;
  }

  /** Drops the schema, however often that has to be tried while the database comes back. */
  async dropSchema(): Promise<void> {
    if (!this.#hasSchema) return;
    this.#hasSchema = false;
    const deadline = performance.now() + 20_000;
    for (;;) {
      try {
        await this.query(`DROP SCHEMA IF EXISTS ${escapeIdentifier(this.schema)} CASCADE`);
        return;
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await delay(200);
      }
    }
  }

  /** Runs SQL, one after the other; connects anew when the connection was lost. */
  async query<Row extends object = Record<string, unknown>>(
    text: string,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    const turn = this.#queue.then(async () => {
      const client = (this.#client ??= await this.#connect());
      const { rows } = await client.query<Row>(text, [...values]);
      return rows;
    });
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }

  async #connect(): Promise<Client> {
    const client = new Client({
      connectionString: this.#url(),
      connectionTimeoutMillis: 5000,
      // A database that has gone must not hold up a run for ever.
      query_timeout: 60_000,
      application_name: 'sluice prove',
    });
    const forget = (): void => {
      if (this.#client === client) this.#client = undefined;
    };
    client.on('error', forget);
    client.on('end', forget);
    await client.connect();
    return client;
  }
}
