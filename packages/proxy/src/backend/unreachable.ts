import type { ConnectFailure } from './connection-source.ts';
import { isSocketDirectory, socketFile } from '../settings/socket-directory.ts';
import type { Address } from './dial.ts';

/** The database is unreachable, or its response is invalid. A retry may succeed. */
export function unreachable(address: Address, why: string): ConnectFailure {
  return failure(address, why, '08001', false);
}

/**
 * The database requires something that is missing or must not be sent: a retry cannot succeed until somebody changes
 * that.
 */
export function unacceptable(address: Address, why: string): ConnectFailure {
  return failure(address, why, '28000', true);
}

function failure(address: Address, why: string, sqlstate: string, final: boolean): ConnectFailure {
  const { host, port } = address;
  const where = isSocketDirectory(host) ? socketFile(host, port) : `${host}:${port}`;
  const message = `cannot connect to the database at ${where}: ${why}`;
  return { fields: { severity: 'ERROR', sqlstate, message }, final };
}
