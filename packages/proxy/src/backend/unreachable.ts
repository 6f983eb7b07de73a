import type { ConnectFailure } from './connection-source.ts';
import type { Address } from './dial.ts';

/** The database could not be reached, or what answered is not right. Another attempt may find it better. */
export function unreachable(address: Address, why: string): ConnectFailure {
  return failure(address, why, '08001', false);
}

/** The database asks for something that is not there or must not be given: somebody has to change that first. */
export function unacceptable(address: Address, why: string): ConnectFailure {
  return failure(address, why, '28000', true);
}

function failure(address: Address, why: string, sqlstate: string, final: boolean): ConnectFailure {
  const message = `cannot connect to the database at ${address.host}:${address.port}: ${why}`;
  return { fields: { severity: 'ERROR', sqlstate, message }, final };
}
