import { randomBytes } from 'node:crypto';
import type { Settings } from '@sluice/proxy/settings';
import { UsageError } from '../command.ts';
import { loadPostgres } from './load-postgres.ts';
import type { UpOptions } from './options.ts';

/** The database behind the proxy. */
export interface Database {
  readonly user: string;
  readonly password: string;
  readonly name: string;
  /** For a direct connection. */
  readonly url: string;
  /** The settings of the proxy for this database. */
  readonly settings: Pick<Settings, 'TargetHost'> & Partial<Settings>;
  /** Stops what was started for it. */
  readonly stop: () => Promise<void>;
}

/** Starts a PostgreSQL. Its data is in the folder `--data`, or in a temporary one. */
export async function startDatabase(options: UpOptions, signal: AbortSignal): Promise<Database> {
  const { data, maxConnections } = options;
  const { startPostgres } = await loadPostgres();
  const postgres = await startPostgres({
    signal,
    ...(data === undefined ? {} : { dataDir: data }),
    ...(maxConnections === undefined ? {} : { maxConnections }),
  });
  const { user, password, database, url, host, port } = postgres;
  return {
    user,
    password,
    name: database,
    url,
    settings: { TargetHost: host, TargetPort: port, TargetTlsMode: 'disable' },
    stop: () => postgres.stop(),
  };
}

const tlsModes: Readonly<Record<string, Settings['TargetTlsMode']>> = {
  disable: 'disable',
  allow: 'prefer',
  prefer: 'prefer',
  require: 'require',
  'verify-ca': 'verify-ca',
  'verify-full': 'verify-full',
};

/** The database in `--target`. The password can also come from PGPASSWORD, so that `ps` does not show it. */
export function givenDatabase(target: string, env: NodeJS.ProcessEnv): Database {
  const url = URL.canParse(target) ? new URL(target) : undefined;
  const name = decodeURIComponent(url?.pathname.slice(1) ?? '');
  const user = decodeURIComponent(url?.username ?? '');
  if (
    url === undefined ||
    !/^postgres(ql)?:$/.test(url.protocol) ||
    url.hostname === '' ||
    user === ''
  ) {
    throw new UsageError(
      `--target is "${target}"; it must look like postgres://user:password@host:5432/database`,
    );
  }
  const { sslmode = 'prefer', sslrootcert, ...others } = Object.fromEntries(url.searchParams);
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new UsageError(
      `--target has "${unknown}"; only sslmode and sslrootcert may follow the ?`,
    );
  }
  const tlsMode = tlsModes[sslmode];
  if (tlsMode === undefined) {
    const modes = Object.keys(tlsModes).join(', ');
    throw new UsageError(`--target has sslmode "${sslmode}"; it must be one of ${modes}`);
  }
  return {
    user,
    // Clients of the proxy need a password. A database that requires none accepts any.
    password:
      decodeURIComponent(url.password) ||
      env['PGPASSWORD'] ||
      randomBytes(15).toString('base64url'),
    name: name === '' ? user : name,
    url: target,
    settings: {
      TargetHost: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      TargetPort: Number(url.port || 5432),
      TargetTlsMode: tlsMode,
      ...(sslrootcert === undefined ? {} : { TargetTlsCaFile: sslrootcert }),
    },
    stop: () => Promise.resolve(),
  };
}
