import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { countClients } from './status.ts';
import { descriptors } from '../frontend/descriptors.ts';
import type { Endpoint } from '../frontend/endpoint.ts';
import type { Listener } from '../listen-notify/listener.ts';
import type { Pool } from '../pool/pool.ts';
import { stalls } from '../io/clock.ts';
import { memory } from '../io/memory.ts';
import { limitsPassed } from '../session/session-limits.ts';
import { faults } from '../io/guard.ts';
import { statements } from '../statements/statement.ts';
import type { TargetGroup } from '../targets/target-group.ts';
import type { RolePools } from '../targets/role-pools.ts';
import { HistogramMetric } from './histogram-metric.ts';
import { logLoss } from '../telemetry/log-writer.ts';
import type { Register, Sample } from './metric.ts';
import { registerTargetMetrics } from './target-metrics.ts';

/** What the metrics are read from; nothing is counted twice, gauges are lengths of lists. */
export interface MetricSources {
  readonly endpoints: readonly Endpoint[];
  readonly group: TargetGroup;
  /** How long ago each secret was read, in seconds. */
  readonly secretAges: () => Iterable<readonly [secret: string, seconds: number]>;
}

/**
 * The Prometheus metrics. Their names follow Amazon RDS Proxy's (`DatabaseConnectionsCurrentlyBorrowed` is
 * `sluice_database_connections{state="borrowed"}`), with Prometheus' base units. They are read when asked for:
 * between two scrapes only plain numbers are added up.
 */
export function createMetrics(sources: MetricSources): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });

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

  gauge(
    'sluice_client_connections',
    'Client connections, by what they do.',
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
    'Client connections accepted.',
    ['endpoint'],
    () => perEndpoint((endpoint) => endpoint.stats.received),
  );
  counter('sluice_client_logins_total', 'Clients that logged in.', ['endpoint'], () =>
    perEndpoint((endpoint) => endpoint.stats.loggedIn),
  );
  counter('sluice_client_logins_failed_total', 'Clients that did not log in.', ['endpoint'], () =>
    perEndpoint((endpoint) => endpoint.stats.failed),
  );
  counter(
    'sluice_client_connections_closed_total',
    'Client connections closed.',
    ['endpoint'],
    () => perEndpoint((endpoint) => endpoint.stats.closed),
  );
  counter(
    'sluice_faults_total',
    'Errors that nothing foresaw: each is a bug, and has ended a connection.',
    [],
    () => [[{}, faults.caught]],
  );
  counter(
    'sluice_session_limits_passed_total',
    'Client connections closed because more was kept for their sessions than a setting allows.',
    ['setting'],
    () => Object.entries(limitsPassed).map(([setting, times]) => [{ setting }, times]),
  );
  counter(
    'sluice_memory_refusals_total',
    'Clients and requests refused because the process held more memory than MaxMemory.',
    [],
    () => [[{}, memory.refused]],
  );
  counter(
    'sluice_stalls_total',
    'Times that the process did nothing for more than a second: it did not get the CPU, or one piece of work took so long.',
    [],
    () => [[{}, stalls.count]],
  );
  gauge(
    'sluice_secret_age_seconds',
    'How long ago a secret was read. Above SecretsRefreshInterval, Secrets Manager does not answer and what was read last serves on.',
    ['secret'],
    function* () {
      for (const [secret, age] of sources.secretAges()) yield [{ secret }, age];
    },
  );
  counter('sluice_log_lines_lost_total', 'Lines of the log that could not be written.', [], () => [
    [{}, logLoss.lines],
  ]);
  counter(
    'sluice_client_connections_refused_total',
    'Client connections closed at once, since descriptors were nearly used up.',
    [],
    () => [[{}, descriptors.refused]],
  );
  counter('sluice_cancel_requests_total', 'Cancel requests received.', ['endpoint'], () =>
    perEndpoint((endpoint) => endpoint.stats.cancels),
  );
  counter(
    'sluice_session_pins_total',
    'Sessions pinned, by reason.',
    ['endpoint', 'reason'],
    function* () {
      for (const endpoint of sources.endpoints)
        for (const [reason, count] of pinsByReason(endpoint))
          yield [{ endpoint: endpoint.name, reason }, count];
    },
  );
  counter(
    'sluice_session_pins_by_statement_total',
    'Sessions pinned, by reason and by the statement that did it, its literals replaced; only 100 are told apart.',
    ['endpoint', 'reason', 'statement'],
    function* () {
      for (const endpoint of sources.endpoints)
        for (const { reason, statement, pins } of endpoint.stats.pins.counts)
          yield [{ endpoint: endpoint.name, reason, statement }, pins];
    },
  );
  gauge(
    'sluice_sessions_pinned',
    'Sessions pinned now, by reason.',
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
    new HistogramMetric('sluice_session_pinned_seconds', 'How long pins lasted.', () =>
      sources.endpoints.flatMap((endpoint) =>
        [...endpoint.stats.pins.time].map(
          ([reason, time]) => [{ endpoint: endpoint.name, reason }, time] as const,
        ),
      ),
    ),
  );
  counter(
    'sluice_hidden_state_total',
    'Sessions found changed by a statement whose text does not show it.',
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
    'Server connections that LISTEN for the sessions of a database.',
    listenerLabels,
    () => perListener((listener) => listener.connections),
  );
  gauge('sluice_listening_sessions', 'Sessions that listen.', listenerLabels, () =>
    perListener((listener) => listener.sessions),
  );
  counter(
    'sluice_notifications_total',
    'Notifications handed to sessions by the listening connection.',
    listenerLabels,
    () => perListener((listener) => listener.stats.notifications),
  );
  counter(
    'sluice_listening_gaps_total',
    'Times that the listening connection was lost while somebody listened.',
    listenerLabels,
    () => perListener((listener) => listener.stats.gaps),
  );
  counter(
    'sluice_listening_gap_seconds_total',
    'How long nobody listened in these gaps.',
    listenerLabels,
    () => perListener((listener) => listener.stats.gapSeconds),
  );

  gauge(
    'sluice_database_connections',
    'Server connections, by what they do. Those being opened have no target yet.',
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
    'Server connections with a transaction open.',
    poolLabelNames,
    () =>
      perPool(
        (pool) => [...pool.connections].filter((connection) => connection.inTransaction).length,
      ),
  );
  gauge(
    'sluice_borrow_queue_length',
    'Sessions that wait for a server connection.',
    poolLabelNames,
    () => perPool((pool) => pool.waitingCount),
  );
  counter('sluice_borrow_requests_total', 'Leases asked for.', poolLabelNames, () =>
    perPool((pool) => pool.stats.borrows),
  );
  counter(
    'sluice_borrow_requests_aborted_total',
    'Leases asked for and not had.',
    poolLabelNames,
    () => perPool((pool) => pool.stats.borrowsAborted),
  );
  counter(
    'sluice_queries_total',
    'Query cycles that clients sent to the database.',
    poolLabelNames,
    () => perPool((pool) => pool.stats.cycles),
  );
  counter(
    'sluice_database_connections_opened_total',
    'Server connections opened.',
    poolLabelNames,
    () => perPool((pool) => pool.stats.connectionsOpened),
  );
  counter(
    'sluice_database_connections_failed_total',
    'Server connections that could not be opened.',
    poolLabelNames,
    () => perPool((pool) => pool.stats.connectionsFailed),
  );
  counter(
    'sluice_database_connections_closed_total',
    'Server connections closed.',
    poolLabelNames,
    () => perPool((pool) => pool.stats.connectionsClosed),
  );
  counter(
    'sluice_database_connections_out_of_sync_total',
    'Server connections closed because the database sent a message that answers no request.',
    poolLabelNames,
    () => perPool((pool) => pool.stats.outOfSync),
  );
  counter(
    'sluice_parameter_replays_total',
    'Leases that began by setting parameters.',
    poolLabelNames,
    () => perPool((pool) => pool.stats.replays),
  );
  counter(
    'sluice_resets_total',
    'Leases that began with a reset, since another session may have left something that is not known.',
    poolLabelNames,
    () => perPool((pool) => pool.stats.resets),
  );
  counter(
    'sluice_parameter_replays_refused_total',
    'Server connections closed because they could not be given the parameters of a session.',
    poolLabelNames,
    () => perPool((pool) => pool.stats.replaysRefused),
  );
  counter(
    'sluice_cycles_sent_again_total',
    'Query cycles sent again after their server connection was lost.',
    poolLabelNames,
    () => perPool((pool) => pool.stats.cyclesSentAgain),
  );
  counter(
    'sluice_beliefs_corrected_total',
    'What the proxy believed of a server connection, and an error of the database contradicted: statements and portals of ' +
      'its own, and names of statements that a session gave. Requests are made again where nothing of them had run.',
    [...poolLabelNames, 'belief'],
    function* () {
      for (const pools of sources.group.allPools)
        for (const pool of pools.pools)
          for (const [belief, count] of Object.entries(pool.stats.beliefsCorrected))
            yield [{ ...poolLabels(pools, pool), belief }, count];
    },
  );
  gauge('sluice_prepared_statements', 'Distinct prepared statements known.', [], () => [
    [{}, statements.size],
  ]);

  registry.registerMetric(
    new HistogramMetric(
      'sluice_login_duration_seconds',
      'Time from accepting a client to its first prompt.',
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
    'sluice_borrow_wait_seconds',
    'Time from asking for a lease to having it.',
    (pool) => pool.stats.borrowWait,
  );
  poolHistogram(
    'sluice_query_duration_seconds',
    'Time from the first message of a query cycle to its end, as the proxy sees it.',
    (pool) => pool.stats.queryTime,
  );
  poolHistogram(
    'sluice_connect_duration_seconds',
    'Time to connect and log in to the database.',
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

/** A pool outlives its targets: its counters go on when another serves it. */
const poolLabelNames = ['role', 'database', 'user'];

function poolLabels(pools: RolePools, pool: Pool): Record<string, string> {
  return { role: pools.role, database: pool.database, user: pool.user };
}

/** The connections of a pool, by the target that they lead to; targets that serve it are there without any, too. */
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
