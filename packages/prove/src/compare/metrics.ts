import type { Report } from '../report/schema.ts';

/** One comparable number of a report, for each round. */
export interface Metric {
  readonly name: string;
  readonly path: string;
  readonly unit: 'ms' | '/s' | 'µs' | 'clients' | 'bytes' | 'rows';
  readonly better: 'lower' | 'higher';
  readonly values: readonly (number | undefined)[];
  /** A count without noise: any value above 0 is too many. */
  readonly isFault?: boolean;
}

/** Every comparable number of a report. */
export function metricsOf(report: Report): Metric[] {
  return [
    ...scalabilityMetrics(report),
    ...performanceMetrics(report),
    ...availabilityMetrics(report),
  ];
}

function scalabilityMetrics({ scalability }: Report): Metric[] {
  return (scalability?.paths ?? []).flatMap(({ path, served, steps }) => {
    const last = steps.findLast((step) => step.memoryBytes !== null && step.served > 0);
    const memory: Metric[] =
      last?.memoryBytes == null
        ? []
        : [
            {
              name: `database memory at ${last.clients} clients`,
              path,
              unit: 'bytes',
              better: 'lower',
              values: [last.memoryBytes],
            },
          ];
    return [
      { name: 'clients served', path, unit: 'clients', better: 'higher', values: [served] },
      ...memory,
    ];
  });
}

function performanceMetrics({ performance }: Report): Metric[] {
  if (performance === undefined) return [];
  const steady = performance.steady.flatMap(({ path, rate, rounds }): Metric[] => [
    ...(['p50', 'p99'] as const).map((percentile): Metric => ({
      name: `${percentile} at ${rate}/s`,
      path,
      unit: 'ms',
      better: 'lower',
      values: rounds.map(({ latency }) => latency?.[percentile]),
    })),
    {
      name: `answers at ${rate}/s`,
      path,
      unit: '/s',
      better: 'higher',
      values: rounds.map(({ throughput }) => throughput),
    },
  ]);
  const connecting = performance.connecting.flatMap(({ path, rate, rounds }) =>
    (['p50', 'p99'] as const).map((percentile): Metric => ({
      name: `login ${percentile} at ${rate}/s`,
      path,
      unit: 'ms',
      better: 'lower',
      values: rounds.map(({ connect }) => connect?.[percentile]),
    })),
  );
  const cost = performance.database
    .filter(({ cpuMicros }) => cpuMicros.length > 0)
    .map(({ path, pattern, cpuMicros }): Metric => ({
      name: `database CPU for a transaction (${pattern})`,
      path,
      unit: 'µs',
      better: 'lower',
      values: cpuMicros,
    }));
  return [...steady, ...connecting, ...cost];
}

function availabilityMetrics({ availability, paths }: Report): Metric[] {
  if (availability === undefined) return [];
  return paths.flatMap(({ name: path }): Metric[] => {
    const lanes = availability.rounds.map(({ lanes }) => lanes.find((lane) => lane.path === path));
    const sum = (values: readonly (number | undefined)[]): number =>
      values.reduce<number>((total, value) => total + (value ?? 0), 0);
    return [
      {
        name: 'outage of a failover',
        path,
        unit: 'ms',
        better: 'lower',
        values: lanes.map((lane) => lane?.gapMs),
      },
      {
        name: 'rows lost',
        path,
        unit: 'rows',
        better: 'lower',
        values: [sum(lanes.map((lane) => lane?.rows.lost))],
        isFault: true,
      },
      {
        name: 'rows doubled',
        path,
        unit: 'rows',
        better: 'lower',
        values: [sum(lanes.map((lane) => lane?.rows.doubled))],
        isFault: true,
      },
    ];
  });
}
