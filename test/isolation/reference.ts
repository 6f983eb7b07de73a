import { DatabaseError, RawClient } from '../helpers/raw-client.ts';
import { strangers } from './judge.ts';
import type { Sight, Sights } from './leases.ts';
import { readSnapshot, snapshotSql } from './snapshot.ts';
import type { SnapshotOptions, Trace } from './snapshot.ts';

/** A server, and who may log in there as anybody. */
export interface Server {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** Custom parameters that tests and scripts use. */
const knownParameters: readonly string[] = [
  'app.user_id',
  'app.tenant',
  'app.n',
  'app.h',
  'app.x',
  'sluice.x',
];

/** The seed that tests set. */
const knownSeed = 0.42;

/** New connections to a server, with which those of a pool are compared. */
export class Reference {
  readonly options: SnapshotOptions;
  /** What random() gives behind the seed that tests set. */
  readonly foretold: readonly string[];
  readonly #server: Server;
  readonly #known = new Map<string, readonly Trace[]>();

  private constructor(server: Server, options: SnapshotOptions, foretold: readonly string[]) {
    this.#server = server;
    this.options = options;
    this.foretold = foretold;
  }

  static async open({ host, port, user, password }: Server, database: string): Promise<Reference> {
    const client = await RawClient.login({ host, port, user, password, database });
    try {
      const version = Number(await client.value('SHOW server_version_num'));
      const schema = await client.value(
        "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'dblink'",
      );
      await client.rows(`SELECT setseed(${knownSeed})`);
      const draws = await client.rows('SELECT random() FROM generate_series(1, 100)');
      return new Reference(
        { host, port, user, password },
        {
          version,
          dblink: typeof schema !== 'string' ? null : { database, schema },
          customParameters: knownParameters,
        },
        draws.map(([value]) => value ?? ''),
      );
    } finally {
      await client.end();
    }
  }

  /** What is on connections and must not be, in words. */
  async judge({ sights, failures }: Sights): Promise<readonly string[]> {
    const told = new Set(failures);
    for (const sight of sights) {
      // In which encoding they were set is not known here: these are compared by what sessions see.
      if (sight.parameters.some(([, value]) => !/^[ -~]*$/.test(value))) continue;
      const key = JSON.stringify([sight.database, sight.user, sight.parameters]);
      const known = this.#known.get(key);
      if (known !== undefined && strangers(sight.found, known, sight).length === 0) continue;
      const expected = await this.#expect(sight);
      if (expected === null) continue;
      this.#known.set(key, expected);
      for (const one of strangers(sight.found, expected, sight)) told.add(one);
    }
    return [...told];
  }

  /** New connections look otherwise now. */
  forget(): void {
    this.#known.clear();
  }

  /** What a new connection of the same user has under the same parameters; null when it cannot be had. */
  async #expect({ user, database, parameters }: Sight): Promise<readonly Trace[] | null> {
    const client = await RawClient.open({ ...this.#server, database });
    try {
      await client.login({ parameters: { user } });
      for (const [name, value] of parameters)
        await client.rows(`SELECT pg_catalog.set_config(${quoted(name)}, ${quoted(value)}, false)`);
      return readSnapshot(await client.rows(snapshotSql(this.options, database)));
    } catch (error) {
      if (error instanceof DatabaseError) return null;
      throw error;
    } finally {
      await client.end();
    }
  }
}

function quoted(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
