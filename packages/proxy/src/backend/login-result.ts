import type { Transport } from '../io/transport.ts';
import type { Address } from './dial.ts';

/** What the login learned. */
export interface LoginResult {
  readonly socket: Transport;
  readonly parameters: Map<string, string>;
  readonly processId: number;
  readonly secretKey: Buffer;
  readonly tls: boolean;
  /** The database has asked for the password in clear, and taken it. */
  readonly sentInClear: boolean;
  /** Where it leads; a cancel request goes there too. */
  readonly address: Address;
}
