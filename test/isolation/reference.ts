import { DatabaseError, RawClient } from '../helpers/raw-client.ts';
import { strangers } from './judge.ts';
import type { Sight, Sights } from './leases.ts';
import { readSnapshot, snapshotSql } from './snapshot.ts';
import type { SnapshotOptions, Trace } from './snapshot.ts';

/** A server, and a superuser. */
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

/** New connections to a server, for comparison with those of a pool. */
export class Reference {
  readonly options: SnapshotOptions;
  /** The values of random() after the seed that tests set. */
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

  /** The state on connections that must not be there, in words. */
  async judge({ sights, failures }: Sights): Promise<readonly string[]> {
    const problems = new Set(failures);
    for (const sight of sights) {
      // The encoding in which they were set is unknown here: tests compare these by what sessions see.
      if (sight.parameters.some(([, value]) => !/^[ -~]*$/.test(value))) continue;
      const key = JSON.stringify([sight.database, sight.user, sight.parameters]);
      const known = this.#known.get(key);
      if (known !== undefined && strangers(sight.found, known, sight).length === 0) continue;
      const expected = await this.#expect(sight);
      if (expected === null) continue;
      this.#known.set(key, expected);
      for (const one of strangers(sight.found, expected, sight)) problems.add(one);
    }
    return [...problems];
  }

  /** The state of a new connection of the same user with the same parameters; null if there can be none. */
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
