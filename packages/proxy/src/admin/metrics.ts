import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { countClients } from './status.ts';
import { descriptors } from '../frontend/descriptors.ts';
import type { Endpoint } from '../frontend/endpoint.ts';
import type { CancelQueue } from '../backend/cancel-queue.ts';
import type { Listener } from '../listen-notify/listener.ts';
import type { Pool } from '../pool/pool.ts';
import { stalls } from '../io/clock.ts';
import { memory } from '../io/memory.ts';
import { limitsExceeded } from '../session/session-limits.ts';
import { faults } from '../io/guard.ts';
import { statements } from '../statements/statement.ts';
import type { TargetGroup } from '../targets/target-group.ts';
import type { RolePools } from '../targets/role-pools.ts';
import { HistogramMetric } from './histogram-metric.ts';
import { logLoss } from '../telemetry/log-writer.ts';
import type { Register, Sample } from './metric.ts';
import { registerTargetMetrics } from './target-metrics.ts';

/** The objects that the metrics are read from. */
export interface MetricSources {
  readonly endpoints: readonly Endpoint[];
  readonly group: TargetGroup;
  /** The time since each secret was last read, in seconds. */
  readonly secretAges: () => Iterable<readonly [secret: string, seconds: number]>;
  readonly cancels: Pick<CancelQueue, 'underWay' | 'waiting' | 'dropped'>;
}

/**
 * The Prometheus metrics. Their names follow those of Amazon RDS Proxy (`DatabaseConnectionsCurrentlyBorrowed` is
 * `sluice_database_connections{state="borrowed"}`), with the base units of Prometheus. Values are collected at each
 * scrape; between scrapes the proxy only increments plain numbers.
 */
export function createMetrics(sources: MetricSources): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  // Bun has no heap spaces, and walks its whole heap to report one: 10 ms of CPU time at each scrape of a busy proxy.
  if (process.versions['bun'] !== undefined) {
    for (const kind of ['total', 'used', 'available'])
      registry.removeSingleMetric(`nodejs_heap_space_size_${kind}_bytes`);
  }

  const gauge: Register = (name, help, labels, read) => {
    registry.registerMetric(
      new Gauge({
        name,
        help,
        labelNames: labels,
        registers: [],
        collect(): void {
          this.reset();
          for (const [values, value] of read()) this.set(values, value);
        },
      }),
    );
  };
  const counter: Register = (name, help, labels, read) => {
    registry.registerMetric(
      new Counter({
        name,
        help,
        labelNames: labels,
        registers: [],
        collect(): void {
          this.reset();
          for (const [values, value] of read()) this.inc(values, value);
        },
      }),
    );
  };
  const perEndpoint = function* (read: (endpoint: Endpoint) => number): Iterable<Sample> {
    for (const endpoint of sources.endpoints) yield [{ endpoint: endpoint.name }, read(endpoint)];
  };
  const perPool = function* (read: (pool: Pool) => number): Iterable<Sample> {
    for (const pools of sources.group.allPools)
      for (const pool of pools.pools) yield [poolLabels(pools, pool), read(pool)];
  };
  /** Several numbers of each pool, by the label `name`. */
  const perPoolAnd = function* (
    name: string,
    read: (pool: Pool) => Readonly<Record<string, number>>,
  ): Iterable<Sample> {
    for (const pools of sources.group.allPools)
      for (const pool of pools.pools)
        for (const [value, count] of Object.entries(read(pool)))
          yield [{ ...poolLabels(pools, pool), [name]: value }, count];
  };

  gauge(
    'sluice_client_connections',
    'Client connections, by state.',
    ['endpoint', 'state'],
    function* () {
      for (const endpoint of sources.endpoints) {
        for (const [state, count] of Object.entries(countClients(endpoint)))
          yield [{ endpoint: endpoint.name, state }, count];
      }
    },
  );
  gauge('sluice_client_connections_tls', 'Client connections that use TLS.', ['endpoint'], () =>
    perEndpoint((endpoint) => [...endpoint.sessions].filter((session) => session.tls).length),
  );
  counter(
    'sluice_client_connections_received_total',
    'Accepted client connections.',
    ['endpoint'],
    () => perEndpoint((endpoint) => endpoint.stats.received),
  );
  counter('sluice_client_logins_total', 'Successful client logins.', ['endpoint'], () =>
    perEndpoint((endpoint) => endpoint.stats.loggedIn),
  );
  counter('sluice_client_logins_failed_total', 'Failed client logins.', ['endpoint'], () =>
    perEndpoint((endpoint) => endpoint.stats.failed),
  );
  counter(
    'sluice_client_connections_closed_total',
    'Closed client connections.',
    ['endpoint'],
    () => perEndpoint((endpoint) => endpoint.stats.closed),
  );
  counter(
    'sluice_faults_total',
    'Unexpected exceptions. Each is a bug in the proxy, and closed a connection.',
    [],
    () => [[{}, faults.caught]],
  );
  counter(
    'sluice_session_limits_exceeded_total',
    'Client connections closed because the client exceeded a limit, by setting.',
    ['setting'],
    () => Object.entries(limitsExceeded).map(([setting, times]) => [{ setting }, times]),
  );
  counter(
    'sluice_memory_refusals_total',
    'Clients and requests refused because the process used more memory than MaxMemory.',
    [],
    () => [[{}, memory.refused]],
  );
  counter(
    'sluice_stalls_total',
    'Times that the event loop was blocked for more than a second, by a lack of CPU time or by one long task.',
    [],
    () => [[{}, stalls.count]],
  );
  gauge(
    'sluice_secret_age_seconds',
    'Time since the secret was last read. A value above SecretsRefreshInterval means that Secrets Manager does not respond, and that the proxy uses the last value.',
    ['secret'],
    function* () {
      for (const [secret, age] of sources.secretAges()) yield [{ secret }, age];
    },
  );
  counter('sluice_log_lines_lost_total', 'Log lines that could not be written.', [], () => [
    [{}, logLoss.lines],
  ]);
  counter(
    'sluice_client_connections_refused_total',
    'Client connections refused because few file descriptors were left.',
    [],
    () => [[{}, descriptors.refused]],
  );
  counter('sluice_cancel_requests_total', 'Cancel requests received.', ['endpoint'], () =>
    perEndpoint((endpoint) => endpoint.stats.cancels),
  );
  gauge(
    'sluice_cancel_connections',
    'Connections that deliver a cancel request to the database (limit: MaxCancelConnections).',
    [],
    () => [[{}, sources.cancels.underWay]],
  );
  gauge('sluice_cancels_waiting', 'Cancel requests in the queue.', [], () => [
    [{}, sources.cancels.waiting],
  ]);
  counter(
    'sluice_cancels_dropped_total',
    'Cancel requests dropped because 10,000 were in the queue.',
    [],
    () => [[{}, sources.cancels.dropped]],
  );
  counter('sluice_session_pins_total', 'Pins, by reason.', ['endpoint', 'reason'], function* () {
    for (const endpoint of sources.endpoints)
      for (const [reason, count] of pinsByReason(endpoint))
        yield [{ endpoint: endpoint.name, reason }, count];
  });
  counter(
    'sluice_session_pins_by_statement_total',
    'Pins, by reason and by the normalized query that caused them, for at most 100 different queries.',
    ['endpoint', 'reason', 'statement'],
    function* () {
      for (const endpoint of sources.endpoints)
        for (const { reason, statement, pins } of endpoint.stats.pins.counts)
          yield [{ endpoint: endpoint.name, reason, statement }, pins];
    },
  );
  gauge(
    'sluice_sessions_pinned',
    'Currently pinned sessions, by reason.',
    ['endpoint', 'reason'],
    function* () {
      for (const endpoint of sources.endpoints) {
        const pinned = new Map<string, number>();
        for (const { pin } of endpoint.sessions)
          if (pin !== null) pinned.set(pin, (pinned.get(pin) ?? 0) + 1);
        for (const [reason, count] of pinned) yield [{ endpoint: endpoint.name, reason }, count];
      }
    },
  );
  registry.registerMetric(
    new HistogramMetric('sluice_session_pinned_seconds', 'Duration of pins.', () =>
      sources.endpoints.flatMap((endpoint) =>
        [...endpoint.stats.pins.time].map(
          ([reason, time]) => [{ endpoint: endpoint.name, reason }, time] as const,
        ),
      ),
    ),
  );
  counter(
    'sluice_hidden_state_total',
    'Session state found that the text of the statement did not show.',
    ['endpoint'],
    () => perEndpoint((endpoint) => endpoint.stats.pins.hidden),
  );

  const perListener = function* (read: (listener: Listener) => number): Iterable<Sample> {
    for (const endpoint of sources.endpoints)
      for (const listener of endpoint.listeners.all)
        yield [{ endpoint: endpoint.name, database: listener.database }, read(listener)];
  };
  const listenerLabels = ['endpoint', 'database'];
  gauge(
    'sluice_listening_connections',
    'Server connections on which the proxy listens for sessions.',
    listenerLabels,
    () => perListener((listener) => listener.connections),
  );
  gauge('sluice_listening_sessions', 'Sessions that listen on a channel.', listenerLabels, () =>
    perListener((listener) => listener.sessions),
  );
  counter(
    'sluice_notifications_total',
    'Notifications delivered to sessions from the listening connection.',
    listenerLabels,
    () => perListener((listener) => listener.stats.notifications),
  );
  counter(
    'sluice_listening_gaps_total',
    'Losses of the listening connection while sessions were listening.',
    listenerLabels,
    () => perListener((listener) => listener.stats.gaps),
  );
  counter(
    'sluice_listening_gap_seconds_total',
    'Total time without a listening connection while sessions were listening.',
    listenerLabels,
    () => perListener((listener) => listener.stats.gapSeconds),
  );

  gauge(
    'sluice_database_connections',
    'Server connections, by state. Connections in the state "opening" have no target label.',
    ['target', ...poolLabelNames, 'state'],
    function* () {
      for (const pools of sources.group.allPools) {
        for (const pool of pools.pools) {
          const labels = poolLabels(pools, pool);
          for (const [target, { idle, borrowed }] of countByTarget(pools, pool)) {
            yield [{ ...labels, target, state: 'idle' }, idle];
            yield [{ ...labels, target, state: 'borrowed' }, borrowed];
          }
          yield [{ ...labels, target: '', state: 'opening' }, pool.openingCount];
        }
      }
    },
  );
  gauge('sluice_database_connections_tls', 'Server connections that use TLS.', poolLabelNames, () =>
    perPool((pool) => [...pool.connections].filter((connection) => connection.tls).length),
  );
  gauge(
    'sluice_database_connections_in_transaction',
    'Server connections with an open transaction.',
    poolLabelNames,
    () =>
      perPool(
        (pool) => [...pool.connections].filter((connection) => connection.inTransaction).length,
      ),
  );
  gauge(
    'sluice_borrow_queue_length',
    'Sessions waiting for a server connection.',
    poolLabelNames,
    () => perPool((pool) => pool.waitingCount),
  );
  counter('sluice_borrow_requests_total', 'Requests for a lease.', poolLabelNames, () =>
    perPool((pool) => pool.stats.borrows),
  );
  counter(
    'sluice_borrow_requests_aborted_total',
    'Requests for a lease that ended without one.',
    poolLabelNames,
    () => perPool((pool) => pool.stats.borrowsAborted),
  );
  counter('sluice_queries_total', 'Query cycles forwarded to the database.', poolLabelNames, () =>
    perPool((pool) => pool.stats.cycles),
  );
  counter(
    'sluice_database_connections_opened_total',
    'Opened server connections.',
    poolLabelNames,
    () => perPool((pool) => pool.stats.connectionsOpened),
  );
  counter(
    'sluice_database_connections_failed_total',
    'Failed attempts to open a server connection.',
    poolLabelNames,
    () => perPool((pool) => pool.stats.connectionsFailed),
  );
  counter(
    'sluice_database_connections_closed_total',
    'Closed server connections.',
    poolLabelNames,
    () => perPool((pool) => pool.stats.connectionsClosed),
  );
  counter(
    'sluice_database_connections_out_of_sync_total',
    'Server connections closed because the database sent a message that fits no pending reply.',
    poolLabelNames,
    () => perPool((pool) => pool.stats.outOfSync),
  );
  counter(
    'sluice_parameter_replays_total',
    'Leases that began with a replay of tracked parameters.',
    poolLabelNames,
    () => perPool((pool) => pool.stats.replays),
  );
  counter(
    'sluice_resets_total',
    'Leases that began with a reset, because another session had run unproven code.',
    poolLabelNames,
    () => perPool((pool) => pool.stats.resets),
  );
  counter(
    'sluice_parameter_replays_refused_total',
    'Server connections closed because the database refused the tracked parameters of a session.',
    poolLabelNames,
    () => perPool((pool) => pool.stats.replaysRefused),
  );
  counter(
    'sluice_cycles_sent_again_total',
    'Query cycles retried after the loss of their server connection.',
    poolLabelNames,
    () => perPool((pool) => pool.stats.cyclesSentAgain),
  );
  counter(
    'sluice_cycles_shared_total',
    'Query cycles that ran on a shared lease, beside those of other sessions.',
    poolLabelNames,
    () => perPool((pool) => pool.stats.cyclesShared),
  );
  counter(
    'sluice_cycles_moved_total',
    'Query cycles on a shared lease that ran again alone, because a slow read was ahead of them or the connection was lost.',
    poolLabelNames,
    () => perPool((pool) => pool.stats.cyclesMoved),
  );
  counter(
    'sluice_cycles_exclusive_total',
    'Query cycles that got an exclusive lease although Interleaving is on, by the reason: see interleaving.md.',
    [...poolLabelNames, 'reason'],
    () => perPoolAnd('reason', (pool) => pool.stats.cyclesAlone),
  );
  gauge(
    'sluice_shared_leases',
    'Server connections that several sessions use at the moment.',
    poolLabelNames,
    () => perPool((pool) => pool.interleaver.size),
  );
  gauge(
    'sluice_shared_lease_cycles',
    'Query cycles that are unanswered on shared leases at the moment.',
    poolLabelNames,
    () => perPool((pool) => pool.interleaver.depth),
  );
  counter(
    'sluice_assumptions_corrected_total',
    'Wrong assumptions about the state of a server connection that the proxy corrected after an error from the database, by ' +
      'kind. The proxy retries the request if no part of it has run.',
    [...poolLabelNames, 'assumption'],
    () => perPoolAnd('assumption', (pool) => pool.stats.assumptionsCorrected),
  );
  counter(
    'sluice_custom_parameter_names_forgotten_total',
    'Names of custom parameters that the proxy has forgotten, because it remembers 500 for a pool. A value that a function sets ' +
      'under such a name does not follow its session to another server connection.',
    poolLabelNames,
    () => perPool((pool) => pool.parameterSets.namesForgotten),
  );
  gauge(
    'sluice_prepared_statements',
    'Distinct prepared statements that the proxy stores.',
    [],
    () => [[{}, statements.size]],
  );

  registry.registerMetric(
    new HistogramMetric(
      'sluice_login_duration_seconds',
      'Time from the accepted client connection to the first ReadyForQuery.',
      () =>
        sources.endpoints.map(
          (endpoint) => [{ endpoint: endpoint.name }, endpoint.stats.loginTime] as const,
        ),
    ),
  );
  registerTargetMetrics(sources.group, gauge, counter, (metric) => registry.registerMetric(metric));
  const poolHistogram = (
    name: string,
    help: string,
    pick: (pool: Pool) => Pool['stats']['queryTime'],
  ): void => {
    registry.registerMetric(
      new HistogramMetric(name, help, () =>
        sources.group.allPools.flatMap((pools) =>
          [...pools.pools].map((pool) => [poolLabels(pools, pool), pick(pool)] as const),
        ),
      ),
    );
  };
  poolHistogram(
    'sluice_shared_wait_seconds',
    'Time that query cycles on shared leases waited for those ahead of them.',
    (pool) => pool.stats.sharedWait,
  );
  poolHistogram(
    'sluice_borrow_wait_seconds',
    'Time from the request for a lease to the lease.',
    (pool) => pool.stats.borrowWait,
  );
  poolHistogram(
    'sluice_query_duration_seconds',
    'Time from the first message of a query cycle to its end, measured at the proxy.',
    (pool) => pool.stats.queryTime,
  );
  poolHistogram(
    'sluice_connect_duration_seconds',
    'Time to open a server connection, including the login.',
    (pool) => pool.stats.connectTime,
  );
  return registry;
}

function pinsByReason(endpoint: Endpoint): Map<string, number> {
  const pins = new Map<string, number>();
  for (const count of endpoint.stats.pins.counts)
    pins.set(count.reason, (pins.get(count.reason) ?? 0) + count.pins);
  return pins;
}

/** Without a target: a pool keeps its counters when another target serves it. */
const poolLabelNames = ['role', 'database', 'user'];

function poolLabels(pools: RolePools, pool: Pool): Record<string, string> {
  return { role: pools.role, database: pool.database, user: pool.user };
}

/** The number of connections of a pool, by target. It includes targets that serve the pool and have none. */
function countByTarget(
  pools: RolePools,
  pool: Pool,
): Map<string, { idle: number; borrowed: number }> {
  const counts = new Map(pools.serving.map(({ name }) => [name, { idle: 0, borrowed: 0 }]));
  for (const connection of pool.connections) {
    const { name } = connection.source;
    const count = counts.get(name) ?? { idle: 0, borrowed: 0 };
    counts.set(name, count);
    if (connection.isLeased) count.borrowed++;
    else count.idle++;
  }
  return counts;
}
