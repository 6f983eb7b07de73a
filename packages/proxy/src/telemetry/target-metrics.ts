import type { TargetGroup } from '../target/target-group.ts';
import { TargetState } from '../target/target-state.ts';
import { HistogramMetric } from './histogram-metric.ts';
import type { Register } from './metrics.ts';

/** Registers what there is to count of targets and fail-overs. */
export function registerTargetMetrics(
  group: TargetGroup,
  gauge: Register,
  counter: Register,
  histogram: (metric: HistogramMetric) => void,
): void {
  gauge(
    'sluice_max_database_connections_allowed',
    'The most database connections to the target, by MaxConnectionsPercent.',
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
  gauge('sluice_target_loans', 'Database connections on loan.', ['target'], () =>
    group.targets.map(({ name, loans }) => [{ target: name }, loans]),
  );
  gauge('sluice_paused', 'Whether clients are held by a pause.', [], () => [
    [{}, group.paused ? 1 : 0],
  ]);
  const { story } = group;
  counter('sluice_failovers_total', 'How often the writer was lost.', [], () => [
    [{}, story.count],
  ]);
  counter(
    'sluice_writer_doubts_unfounded_total',
    'How often traffic spoke against the writer and a check found it well.',
    [],
    () => [[{}, story.unfoundedDoubts]],
  );
  for (const [name, help, times] of [
    ['detection', 'From the first sign to the certainty that the writer is lost.', story.detection],
    ['promotion', 'From then to the new writer: the part of the database.', story.promotion],
    ['first_answer', 'From the new writer to the first answer to a client.', story.firstAnswer],
  ] as const)
    histogram(new HistogramMetric(`sluice_failover_${name}_seconds`, help, () => [[{}, times]]));
}
