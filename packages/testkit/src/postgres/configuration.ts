import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { PostgresOptions } from './options.ts';

/** Included by postgresql.conf, and written by every `startPostgres`. ALTER SYSTEM overrides it. */
export const configurationFile = 'testkit.conf';

/** The owner of the data, stored with it for later starts. */
const ownerFile = 'testkit-owner.json';

/** The superuser of a data directory. */
export interface Owner {
  readonly user: string;
  readonly password: string;
}

/** Lines of postgresql.conf. */
export function formatParameters(parameters: Readonly<Record<string, string>>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`)
    .join('');
}

/** Writes the configuration of a server: parameters, access rules and the TLS key. */
export async function writeConfiguration(
  dataDir: string,
  options: PostgresOptions,
  defaults: Readonly<Record<string, string>>,
): Promise<void> {
  const parameters: Record<string, string> = {
    max_connections: String(options.maxConnections ?? 100),
    ...defaults,
    ...(await writeTls(dataDir, options.tls)),
    ...options.parameters,
  };
  await writeFile(path.join(dataDir, configurationFile), formatParameters(parameters));

  // "all" does not cover replication connections.
  const auth = options.auth ?? 'scram-sha-256';
  const rules = `host all all 127.0.0.1/32 ${auth}\nhost replication all 127.0.0.1/32 ${auth}\n`;
  await writeFile(path.join(dataDir, 'pg_hba.conf'), options.hba ?? rules);
}

async function writeTls(
  dataDir: string,
  tls: PostgresOptions['tls'],
): Promise<Record<string, string>> {
  if (tls === undefined) return {};
  await writeFile(path.join(dataDir, 'server.crt'), tls.cert);
  // PostgreSQL refuses a key that others can read.
  await writeFile(path.join(dataDir, 'server.key'), tls.key, { mode: 0o600 });
  if (tls.ca === undefined) return { ssl: 'on' };
  await writeFile(path.join(dataDir, 'root.crt'), tls.ca);
  return { ssl: 'on', ssl_ca_file: 'root.crt' };
}

/** Stores the owner with the data. */
export async function writeOwner(dataDir: string, owner: Owner): Promise<void> {
  await writeFile(path.join(dataDir, ownerFile), JSON.stringify(owner), { mode: 0o600 });
}

/** The owner that an earlier start stored with the data, if any. */
export async function readOwner(dataDir: string): Promise<Owner | undefined> {
  const content = await readFile(path.join(dataDir, ownerFile), 'utf8').catch(() => undefined);
  if (content === undefined) return undefined;
  const owner: Owner = JSON.parse(content);
  return owner;
}
