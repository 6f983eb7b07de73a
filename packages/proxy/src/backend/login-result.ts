import type { Transport } from '../io/transport.ts';
import type { Address } from './dial.ts';
import type { LoginNotices } from './login-notices.ts';

/** What the proxy has learned from a login. */
export interface LoginResult {
  readonly socket: Transport;
  readonly parameters: Map<string, string>;
  readonly notices: LoginNotices;
  readonly processId: number;
  readonly secretKey: Buffer;
  readonly tls: boolean;
  /** The database requested a cleartext password, and accepted it. */
  readonly sentInClear: boolean;
  /** The address of the connection, which cancel requests go to as well. */
  readonly address: Address;
}
