/** Parameters that PostgreSQL accepts only in a startup packet (contexts "backend" and "superuser-backend"). */
const onlyAtStartup = new Set([
  'ignore_system_indexes',
  'jit_debugging_support',
  'jit_profiling_support',
  'local_preload_libraries',
  'log_connections',
  'log_disconnections',
  'post_auth_delay',
  'session_preload_libraries',
]);

/** Not parameters of the session: they choose the destination of the connection. */
const routing = new Set(['user', 'database', 'replication', 'options']);

/** The startup parameters of a client, by their handling. */
export interface StartupParameters {
  /** Set on any server connection of the session. */
  readonly tracked: readonly (readonly [string, string])[];
  /** They need a server connection that was opened with them. */
  readonly startupOnly: ReadonlyMap<string, string>;
}

/** Cached results; for a cached packet, the parameters are cached too. */
const known = new WeakMap<object, StartupParameters>();

/** Classifies the parameters of a startup packet, including those in `options`, in order. */
export function splitStartup(
  parameters: readonly (readonly [string, string])[],
): StartupParameters {
  let split = known.get(parameters);
  if (split === undefined) known.set(parameters, (split = sort(parameters)));
  return split;
}

function sort(parameters: readonly (readonly [string, string])[]): StartupParameters {
  const tracked: (readonly [string, string])[] = [];
  const startupOnly = new Map<string, string>();
  for (const [name, value] of parameters) {
    const lower = name.toLowerCase();
    if (routing.has(lower) || lower.startsWith('_pq_.')) continue;
    if (onlyAtStartup.has(lower)) startupOnly.set(lower, value);
    else tracked.push([lower, value]);
  }
  return { tracked, startupOnly };
}
