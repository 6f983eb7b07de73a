import type { TargetGroup } from '../targets/target-group.ts';
import { TargetState } from '../targets/target-state.ts';
import { HistogramMetric } from './histogram-metric.ts';
import type { Register } from './metric.ts';

/** Registers what there is to count of targets and fail-overs. */
export function registerTargetMetrics(
  group: TargetGroup,
  gauge: Register,
  counter: Register,
  histogram: (metric: HistogramMetric) => void,
): void {
  gauge(
    'sluice_max_database_connections_allowed',
    'The most server connections to the target, by MaxConnectionsPercent.',
    ['target'],
    () => group.targets.map((target) => [{ target: target.name }, target.allowed]),
  );
  gauge(
    'sluice_target_available',
    'Whether the target answers its health check and may serve, by what it is.',
    ['target', 'role'],
    () =>
      group.targets.map((target) => [
        { target: target.name, role: target === group.writer ? 'READ_WRITE' : 'READ_ONLY' },
        target.state === TargetState.Available ? 1 : 0,
      ]),
  );
  gauge(
    'sluice_target_unavailable',
    "Targets that are unavailable, by RDS Proxy's reason.",
    ['target', 'reason'],
    () =>
      group.targets.flatMap(({ name, reason }) =>
        reason === null ? [] : [[{ target: name, reason }, 1] as const],
      ),
  );
  gauge('sluice_target_lag_seconds', 'How far a standby is behind the writer.', ['target'], () =>
    group.targets.flatMap(({ name, role, lag }) =>
      role?.inRecovery === true ? [[{ target: name }, lag] as const] : [],
    ),
  );
  gauge('sluice_target_leases', 'Leased server connections.', ['target'], () =>
    group.targets.map(({ name, leases }) => [{ target: name }, leases]),
  );
  gauge('sluice_paused', 'Whether the proxy is paused.', [], () => [[{}, group.paused ? 1 : 0]]);
  const { failovers } = group;
  counter('sluice_failovers_total', 'How often the writer was lost.', [], () => [
    [{}, failovers.count],
  ]);
  counter(
    'sluice_writer_suspicions_unfounded_total',
    'How often traffic spoke against the writer and a check found it well.',
    [],
    () => [[{}, failovers.unfoundedSuspicions]],
  );
  for (const [name, help, times] of [
    [
      'detection',
      'From the first sign to the certainty that the writer is lost.',
      failovers.detection,
    ],
    ['promotion', 'From then to the new writer: the part of the database.', failovers.promotion],
    ['first_answer', 'From the new writer to the first answer to a client.', failovers.firstAnswer],
  ] as const)
    histogram(new HistogramMetric(`sluice_failover_${name}_seconds`, help, () => [[{}, times]]));
}
