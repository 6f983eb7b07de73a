/** Parameters that PostgreSQL takes only in a startup packet (contexts "backend" and "superuser-backend"). */
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

/** Not parameters of the session: they choose where the connection goes. */
const routing = new Set(['user', 'database', 'replication', 'options']);

/** What a client asked for at startup, sorted by what becomes of it. */
export interface StartupParameters {
  /** Set on whichever server connection serves the session. */
  readonly tracked: readonly (readonly [string, string])[];
  /** Only a server connection that was opened with them can serve the session. */
  readonly startupOnly: ReadonlyMap<string, string>;
}

/** What was sorted before; a packet that is remembered has its parameters remembered too. */
const known = new WeakMap<object, StartupParameters>();

/** Sorts the parameters of a startup packet, those in `options` included, in the order they came. */
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
