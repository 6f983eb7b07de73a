import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Client } from 'pg';
import postgres from 'postgres';
import { sslRequest } from '../helpers/messages.ts';
import { DatabaseError, RawClient } from '../helpers/raw-client.ts';
import type { Attempt, Driver, Outcome, Place } from './matrix.ts';

/** The files in the form of node:tls. */
async function tlsOf(
  { tls, certificate }: Attempt,
  { caFile }: Place,
): Promise<{ ca: string; servername: string; cert?: string; key?: string } | undefined> {
  if (!tls) return undefined;
  const read = (file: string): Promise<string> => readFile(file, 'utf8');
  return {
    ca: await read(caFile),
    servername: 'localhost',
    ...(certificate && { cert: await read(certificate.cert), key: await read(certificate.key) }),
  };
}

function refusal(error: unknown): Outcome {
  const { code, message } = error as Error & { readonly code?: string };
  return { sqlstate: code ?? '', message };
}

const nodePostgres: Driver = {
  name: 'pg',
  canBind: true,
  reportsSqlstate: true,
  async logIn(attempt, place) {
    const client = new Client({
      host: 'localhost',
      port: place.port,
      user: attempt.user,
      password: attempt.secret,
      database: 'shop',
      enableChannelBinding: attempt.binding,
      ssl: (await tlsOf(attempt, place)) ?? false,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{ who: string }>('select current_user as who');
      return { user: rows[0]?.who ?? '' };
    } catch (error) {
      return refusal(error);
    } finally {
      await client.end().catch(() => undefined);
    }
  },
};

const postgresJs: Driver = {
  name: 'postgres.js',
  canBind: false,
  reportsSqlstate: true,
  async logIn(attempt, place) {
    const sql = postgres({
      host: 'localhost',
      port: place.port,
      user: attempt.user,
      password: attempt.secret,
      database: 'shop',
      ssl: (await tlsOf(attempt, place)) ?? false,
      max: 1,
      onnotice: () => undefined,
    });
    try {
      const [row] = await sql`select current_user as who`;
      return { user: String(row?.['who']) };
    } catch (error) {
      return refusal(error);
    } finally {
      await sql.end();
    }
  },
};

/** The messages of Npgsql, since .NET is rarely available: it uses SCRAM with channel binding whenever it can. */
const npgsqlOnTheWire: Driver = {
  name: 'Npgsql, on the wire',
  canBind: true,
  reportsSqlstate: true,
  async logIn(attempt, place) {
    const { user, secret } = attempt;
    const client = await RawClient.open({
      host: '127.0.0.1',
      port: place.port,
      user,
      password: secret,
      database: 'shop',
    });
    try {
      const tls = await tlsOf(attempt, place);
      let endPoint: Buffer | undefined;
      if (tls !== undefined && (await client.negotiate(sslRequest)) === 'S')
        endPoint = createHash('sha256')
          .update(await client.startTls(tls))
          .digest();
      const parameters = { client_encoding: 'UTF8', TimeZone: 'Europe/Paris' };
      await client.login({ parameters, ...(endPoint && { endPoint }) });
      return { user: (await client.value('select current_user')) ?? '' };
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      return refusal(error);
    } finally {
      await client.end();
    }
  },
};

/** The drivers that need only npm. */
export const npmDrivers: readonly Driver[] = [nodePostgres, postgresJs, npgsqlOnTheWire];
