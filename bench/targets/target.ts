import type { Postgres } from '@sluice/testkit';
import type { Address } from '../pgbench.ts';
import type { TargetName } from '../results.ts';

/** Something that pgbench can connect to. */
export interface Target {
  readonly name: TargetName;
  readonly address: Address;
  /** The proxy's process; none for the database itself. */
  readonly pid?: number;
  /** Ends the proxy and resolves when it is gone. */
  readonly stop: () => Promise<void>;
}

/** What every proxy is started with, so that like is compared with like. */
export interface TargetSetup {
  readonly postgres: Postgres;
  /** The user's password as the database keeps it, which proxies check clients by. */
  readonly verifier: string;
  /** Where the database is reached: a host or the directory of a Unix socket, and a port. */
  readonly database: { readonly host: string; readonly port: number };
  /** The directory of the Unix socket on which the proxy listens; null: over TCP on 127.0.0.1. */
  readonly socketDirectory: string | null;
  readonly interleaving: 'auto' | 'off';
  /** TLS on both legs, or on none. */
  readonly tls: boolean;
  /** Certificate and key to show to clients, in PEM. */
  readonly certFile: string;
  readonly keyFile: string;
  /** For settings and logs. Every account can read it, since PgBouncer may have to run as another. */
  readonly folder: string;
  /** The most server connections. */
  readonly poolSize: number;
  /** The most client connections. */
  readonly maxClients: number;
}
