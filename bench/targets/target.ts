import type { Postgres } from '@sluice/testkit';
import type { Address } from '../pgbench.ts';
import type { TargetName } from '../results.ts';

/** An address that pgbench can connect to. */
export interface Target {
  readonly name: TargetName;
  readonly address: Address;
  /** The proxy's process; undefined for the database itself. */
  readonly pid?: number;
  /** Ends the proxy, and resolves when it has ended. */
  readonly stop: () => Promise<void>;
}

/** The common setup of every proxy, so that the comparison is fair. */
export interface TargetSetup {
  readonly postgres: Postgres;
  /** The user's password as the database stores it, with which proxies authenticate clients. */
  readonly verifier: string;
  /** The address of the database: a host or the directory of a Unix socket, and a port. */
  readonly database: { readonly host: string; readonly port: number };
  /** The directory of the Unix socket on which the proxy listens; null: over TCP on 127.0.0.1. */
  readonly socketDirectory: string | null;
  readonly interleaving: 'auto' | 'off';
  /** TLS for clients and for the database, or for neither. */
  readonly tls: boolean;
  /** Certificate and key for clients, in PEM. */
  readonly certFile: string;
  readonly keyFile: string;
  /** For settings and logs. Every account can read it, since PgBouncer may have to run as another one. */
  readonly folder: string;
  /** The maximum number of server connections. */
  readonly poolSize: number;
  /** The maximum number of client connections. */
  readonly maxClients: number;
}
