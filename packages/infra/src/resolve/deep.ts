import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { Client } from 'pg';
import type { Clients } from '../aws/clients.ts';
import { messageOf } from '../errors.ts';
import { isRecord } from '../values.ts';
import type { Database, Deep, Look, LoginFacts } from './facts.ts';
import { notQueried } from './look.ts';

/** After how many milliseconds without a login the database counts as unreachable from here. */
const loginTimeout = 5000;

/** Reads the secret and logs in with it. The password does not leave this function. */
export async function readDeep(
  clients: Clients,
  secretName: string,
  database: Database | undefined,
): Promise<Deep> {
  const answer = await clients.secrets.send(new GetSecretValueCommand({ SecretId: secretName }));
  const value = parse(answer.SecretString);
  const user = text(value?.['username']);
  const password = text(value?.['password']);
  return {
    secret: secretName,
    ...(user === undefined ? {} : { user }),
    hasPassword: password !== undefined,
    json: value !== undefined,
    login:
      user === undefined || password === undefined || database === undefined
        ? notQueried('there is no user name, password or database to log in with')
        : await login({ user, password, database, name: text(value?.['dbname']) ?? 'postgres' }),
  };
}

interface Login {
  readonly user: string;
  readonly password: string;
  readonly name: string;
  readonly database: Database;
}

async function login({ user, password, name, database }: Login): Promise<Look<LoginFacts>> {
  const options = {
    host: database.host,
    port: database.port,
    user,
    password,
    database: name,
    connectionTimeoutMillis: loginTimeout,
    application_name: 'sluice preflight',
  };
  try {
    return {
      found: await ask(new Client({ ...options, ssl: { rejectUnauthorized: false } }), true),
    };
  } catch (error) {
    if (!/does not support SSL/.test(messageOf(error))) {
      return { absent: 'failed', detail: messageOf(error) };
    }
  }
  try {
    return { found: await ask(new Client(options), false) };
  } catch (error) {
    return { absent: 'failed', detail: messageOf(error) };
  }
}

async function ask(client: Client, tls: boolean): Promise<LoginFacts> {
  await client.connect();
  try {
    // Only superusers can read pg_authid; the server's own setting tells how it stores new passwords.
    const answer = await client.query<Record<string, string>>(
      `select current_setting('password_encryption') as encryption,
              current_setting('max_connections')::int as most,
              current_setting('superuser_reserved_connections')::int
                + coalesce(current_setting('reserved_connections', true), '0')::int as reserved,
              (select rolconnlimit from pg_roles where rolname = current_user) as role_limit,
              (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as in_use`,
    );
    const row = answer.rows[0] ?? {};
    return {
      passwordKind: row['encryption'] ?? 'unknown',
      maxConnections: Number(row['most']),
      reserved: Number(row['reserved']),
      roleLimit: Number(row['role_limit']),
      inUse: Number(row['in_use']),
      tls,
    };
  } finally {
    await client.end();
  }
}

function parse(secret: string | undefined): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(secret ?? '');
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
