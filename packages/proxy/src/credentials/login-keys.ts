import type { ScramVerifier } from '@sluice/wire';

/** The SCRAM keys of a client: sufficient to log in as the client if the verifier is the same, but not the password. */
export interface LoginKeys {
  readonly verifier: ScramVerifier;
  readonly clientKey: Buffer;
}

/** The secret for a login at the database. */
export interface LoginSecret {
  readonly password?: string;
  /** Of a client, from its own login at the proxy. */
  readonly keys?: LoginKeys;
  /** `md5` and a hash, for a database with MD5 authentication. */
  readonly md5?: string;
}
