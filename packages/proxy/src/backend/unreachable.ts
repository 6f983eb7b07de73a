import type { ConnectFailure } from './connection-source.ts';
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
  const message = `cannot connect to the database at ${address.host}:${address.port}: ${why}`;
  return { fields: { severity: 'ERROR', sqlstate, message }, final };
}
