import type { ScramVerifier } from '@sluice/wire';

/** What a client has shown of its password: enough to log in as it where the verifier is the same, and no password. */
export interface LoginKeys {
  readonly verifier: ScramVerifier;
  readonly clientKey: Buffer;
}

/** What there is to log in to the database with. */
export interface LoginSecret {
  readonly password?: string;
  /** Of a client, from its own login at the proxy. */
  readonly keys?: LoginKeys;
  /** `md5` and a hash, for a database that asks for that. */
  readonly md5?: string;
}
