/** What `startPostgres` can be told. Every field has a default. */
export interface PostgresOptions {
  /** Where the data lies. Made when it does not exist. By default a new folder that is removed by `stop()`. */
  readonly dataDir?: string;
  /** Leaves the data in place on `stop()`, and makes it safe against a power cut. Default: true when `dataDir` is given. */
  readonly keepData?: boolean;
  /** TCP port on 127.0.0.1; 0 (the default) takes a free one. */
  readonly port?: number;
  /** A folder whose `node_modules` holds the PostgreSQL to run. Default: the version that this package depends on. */
  readonly installation?: string;
  /** The superuser. Default `postgres`. */
  readonly user?: string;
  /** Its password. Default: random. */
  readonly password?: string;
  /** Made when it does not exist. Default `postgres`. */
  readonly database?: string;
  /** `max_connections`. Default 100. */
  readonly maxConnections?: number;
  /** How clients prove who they are. Default `scram-sha-256`. */
  readonly auth?: 'scram-sha-256' | 'md5' | 'password' | 'trust';
  /** Lines for pg_hba.conf, instead of one rule that asks everybody for `auth`. */
  readonly hba?: string;
  /** Turns TLS on: certificate chain and key in PEM, and the CA that client certificates are checked against. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string };
  /** Settings of postgresql.conf, by name. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** How long a start may take, in milliseconds. Default 30,000. */
  readonly readyTimeoutMs?: number;
  /** Gives up the start. A server that runs already is ended by `stop()`. */
  readonly signal?: AbortSignal;
  /** Is given every line that PostgreSQL writes to its log. */
  readonly onLog?: (line: string) => void;
  /**
   * A folder in which fresh data directories are kept as templates: copying one costs less than `initdb`. For tests,
   * which start many servers; needs a `password`. Default: none.
   */
  readonly templates?: string;
}
