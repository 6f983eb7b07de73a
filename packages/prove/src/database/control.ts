import { setTimeout as delay } from 'node:timers/promises';
import { Client, escapeIdentifier, escapeLiteral } from 'pg';
import { ProveError } from '../prove-error.ts';

/** The interval between two heartbeats of a running `sluice prove`, in milliseconds. */
const heartbeatMs = 2000;

/** A run without a heartbeat for this long has ended, in milliseconds. */
const deadAfterMs = 8000;

const marker = 'made by sluice prove; dropped when it ends';

/** An earlier run whose schema still exists. */
export interface EarlierRun {
  readonly schema: string;
  /** False: it was killed, and left its schema. */
  readonly isRunning: boolean;
}

/** The connection that prepares the database for a run, observes it, and cleans up. */
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

  /** Connects to `url()`, and again after a loss of the connection. */
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

  /** The runs, running or killed, whose schemas are in the database and can be dropped by this user. */
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

  /** Whether the run that created a schema still has heartbeats. */
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

  /** Creates the schema. Drops the schemas of killed runs first, with this name or another one. */
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

  /** Drops the schema, with retries while the database is unavailable. */
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

  /** Runs statements one after the other; reconnects after a loss of the connection. */
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
      // A database that is gone must not block a run forever.
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

/** The table for the heartbeats of the run that created a schema. */
function runTable(schema: string): string {
  return `${escapeIdentifier(schema)}.prove_run`;
}
