import type { TargetGroup } from '../targets/target-group.ts';
import { TargetState } from '../targets/target-state.ts';
import { HistogramMetric } from './histogram-metric.ts';
import type { Register } from './metric.ts';

/** Registers the metrics of targets and failovers. */
export function registerTargetMetrics(
  group: TargetGroup,
  gauge: Register,
  counter: Register,
  histogram: (metric: HistogramMetric) => void,
): void {
  gauge(
    'sluice_max_database_connections_allowed',
    'Maximum number of server connections to the target, according to MaxConnectionsPercent.',
    ['target'],
    () => group.targets.map((target) => [{ target: target.name }, target.allowed]),
  );
  gauge(
    'sluice_target_available',
    'Whether the target passes its health checks and can serve clients, by role.',
    ['target', 'role'],
    () =>
      group.targets.map((target) => [
        { target: target.name, role: target === group.writer ? 'READ_WRITE' : 'READ_ONLY' },
        target.state === TargetState.Available ? 1 : 0,
      ]),
  );
  gauge(
    'sluice_target_unavailable',
    'Unavailable targets, by reason, as in RDS Proxy.',
    ['target', 'reason'],
    () =>
      group.targets.flatMap(({ name, reason }) =>
        reason === null ? [] : [[{ target: name, reason }, 1] as const],
      ),
  );
  gauge(
    'sluice_target_lag_seconds',
    'Replication lag of a standby behind the writer.',
    ['target'],
    () =>
      group.targets.flatMap(({ name, role, lag }) =>
        role?.inRecovery === true ? [[{ target: name }, lag] as const] : [],
      ),
  );
  gauge('sluice_target_leases', 'Leased server connections.', ['target'], () =>
    group.targets.map(({ name, leases }) => [{ target: name }, leases]),
  );
  gauge('sluice_paused', 'Whether the proxy is paused.', [], () => [[{}, group.paused ? 1 : 0]]);
  const { failovers } = group;
  counter('sluice_failovers_total', 'Losses of the writer.', [], () => [[{}, failovers.count]]);
  counter(
    'sluice_writer_suspicions_unfounded_total',
    'Failure signals from traffic after which a health check found the writer healthy.',
    [],
    () => [[{}, failovers.unfoundedSuspicions]],
  );
  for (const [name, help, times] of [
    [
      'detection',
      'Time from the first failure signal until the proxy considered the writer lost.',
      failovers.detection,
    ],
    [
      'promotion',
      'Time from the loss of the writer until the proxy found the new writer. The promotion of a standby takes most of it.',
      failovers.promotion,
    ],
    [
      'first_answer',
      'Time from the new writer to its first response to a client.',
      failovers.firstAnswer,
    ],
  ] as const)
    histogram(new HistogramMetric(`sluice_failover_${name}_seconds`, help, () => [[{}, times]]));
}
