import { setTimeout as delay } from 'node:timers/promises';
import { Client, escapeIdentifier, escapeLiteral } from 'pg';
import { ProveError } from '../prove-error.ts';

/** A running `sluice prove` writes that often that it is alive, in milliseconds. */
const heartbeatMs = 2000;

/** A run whose heartbeat has not moved for so long is over, in milliseconds. */
const deadAfterMs = 8000;

const marker = 'made by sluice prove; dropped when it ends';

/** A run that made its schema before this one. */
export interface EarlierRun {
  readonly schema: string;
  /** False: it was killed, and the schema is what it left. */
  readonly isRunning: boolean;
}

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
      this.query(
        `UPDATE ${runTable(this.schema)} SET beats = beats + 1, at = clock_timestamp()`,
      ).catch(() => undefined);
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

  /** The runs whose schemas are in the database and may be dropped by this user, alive or killed. */
  async findEarlierRuns(signal?: AbortSignal): Promise<readonly EarlierRun[]> {
    const rows = await this.query<{ schema: string; comment: string | null; mayDrop: boolean }>(
      `SELECT nspname AS schema, obj_description(oid, 'pg_namespace') AS comment,
              pg_has_role(nspowner, 'USAGE') AS "mayDrop"
         FROM pg_namespace WHERE nspname = $1 OR obj_description(oid, 'pg_namespace') = $2`,
      [this.schema, marker],
    );
    const own = rows.find(({ schema }) => schema === this.schema);
    if (own !== undefined && own.comment !== marker) {
      throw new ProveError(
        `the database has a schema "${this.schema}" that sluice prove did not make; choose another name with --schema`,
      );
    }
    return Promise.all(
      rows
        .filter(({ schema, mayDrop }) => mayDrop || schema === this.schema)
        .map(async ({ schema }) => ({ schema, isRunning: await this.#isAlive(schema, signal) })),
    );
  }

  /** Whether the heart of the run that made a schema still beats. */
  async #isAlive(schema: string, signal: AbortSignal | undefined): Promise<boolean> {
    const read = async (): Promise<{ beats: number; seconds: number } | undefined> => {
      const rows = await this.query<{ beats: number; seconds: number }>(
        `SELECT beats, extract(epoch FROM clock_timestamp() - at)::float AS seconds FROM ${runTable(schema)}`,
      ).catch(() => []);
      return rows[0];
    };
    const first = await read();
    if (first === undefined || first.seconds * 1000 > deadAfterMs) return false;
    const deadline = performance.now() + deadAfterMs;
    while (performance.now() < deadline) {
      await delay(250, undefined, signal === undefined ? {} : { signal });
      if ((await read())?.beats !== first.beats) return true;
    }
    return false;
  }

  /** Makes the schema. What killed runs left, in a schema of this name or another, is dropped first. */
  async createSchema(leftBehind: readonly string[] = []): Promise<void> {
    const schema = escapeIdentifier(this.schema);
    for (const each of new Set([this.schema, ...leftBehind]))
      await this.query(`DROP SCHEMA IF EXISTS ${escapeIdentifier(each)} CASCADE`);
    await this.query(`CREATE SCHEMA ${schema}`);
    await this.query(`COMMENT ON SCHEMA ${schema} IS ${escapeLiteral(marker)}`);
    await this.query(
      `CREATE TABLE ${runTable(this.schema)} AS SELECT 0 AS beats, clock_timestamp() AS at`,
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

/** Where the run that made a schema writes that it is alive. */
function runTable(schema: string): string {
  return `${escapeIdentifier(schema)}.prove_run`;
}
