/** The options of `startPostgres`. Every field has a default. */
export interface PostgresOptions {
  /** The data directory; it is created if it does not exist. By default a new directory that `stop()` removes. */
  readonly dataDir?: string;
  /** Keeps the data on `stop()`, and makes it safe against a power failure. Default: true if `dataDir` is given. */
  readonly keepData?: boolean;
  /** The TCP port on 127.0.0.1; 0 (the default) picks a free one. */
  readonly port?: number;
  /** The directory of a Unix socket, which the server's account must be able to write to. Default: none. */
  readonly socketDirectory?: string;
  /**
   * A directory whose `node_modules` contains the PostgreSQL to run. Default: the version that this package depends on.
   */
  readonly installation?: string;
  /** The superuser. Default `postgres`. */
  readonly user?: string;
  /** Its password. Default: random. */
  readonly password?: string;
  /** Created if it does not exist. Default `postgres`. */
  readonly database?: string;
  /** `max_connections`. Default 100. */
  readonly maxConnections?: number;
  /** The authentication method. Default `scram-sha-256`. */
  readonly auth?: 'scram-sha-256' | 'md5' | 'password' | 'trust';
  /** Lines for pg_hba.conf, instead of one rule with `auth` for everybody. */
  readonly hba?: string;
  /** Enables TLS: certificate chain and key in PEM, and the CA for client certificates. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string };
  /** Settings of postgresql.conf, by name. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** A command that runs the server: the server's own command follows it. It must end by executing that. */
  readonly within?: readonly string[];
  /** The timeout of a start, in milliseconds. Default 30,000. */
  readonly readyTimeoutMs?: number;
  /** Aborts the start. A running server is stopped by `stop()`. */
  readonly signal?: AbortSignal;
  /** Called with every line of PostgreSQL's log. */
  readonly onLog?: (line: string) => void;
  /**
   * A directory for new data directories as templates: copying one is faster than `initdb`. For tests, which start many
   * servers; needs a `password`. Default: none.
   */
  readonly templates?: string;
}
