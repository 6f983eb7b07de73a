import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { Client } from 'pg';
import type { Clients } from '../aws/clients.ts';
import { InfraError, messageOf } from '../errors.ts';
import { record } from '../values.ts';

/** What to verify. */
export interface Verification {
  readonly endpoint: string;
  readonly secretArn: string;
  readonly tls: boolean;
  /** After how many seconds without a connection the endpoint counts as unreachable from here. */
  readonly timeout: number;
}

/**
 * Logs in through the endpoint and runs `select 1`. An endpoint is private and unreachable from outside the VPC: that
 * proves nothing and is only reported.
 * @returns a sentence for the user
 * @throws InfraError VERIFY_FAILED if the endpoint answered and refused
 */
export async function verify(
  clients: Clients,
  { endpoint, secretArn, tls, timeout }: Verification,
): Promise<string> {
  const answer = await clients.secrets.send(new GetSecretValueCommand({ SecretId: secretArn }));
  const secret = record(JSON.parse(answer.SecretString ?? '{}'));
  const [host = '', port = '5432'] = endpoint.split(':');
  const started = performance.now();
  const client = new Client({
    host,
    port: Number(port),
    user: text(secret['username']),
    password: text(secret['password']),
    database: text(secret['dbname']) || 'postgres',
    connectionTimeoutMillis: timeout * 1000,
    application_name: 'sluice aws apply --verify',
    // This checks that the connection works, not whose certificate it is.
    ssl: tls ? { rejectUnauthorized: false } : false,
  });
  try {
    await client.connect();
    await client.query('select 1');
    return `${endpoint} works: connected and ran select 1 in ${Math.round(performance.now() - started)} ms`;
  } catch (error) {
    const detail = messageOf(error);
    if (/ENOTFOUND|ETIMEDOUT|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|timeout/i.test(detail)) {
      return `${endpoint} cannot be reached from here (${detail}); run this inside the VPC to verify it`;
    }
    throw new InfraError('VERIFY_FAILED', `${endpoint} answers, but refuses the login: ${detail}`, {
      cause: error,
    });
  } finally {
    await client.end().catch(() => undefined);
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
