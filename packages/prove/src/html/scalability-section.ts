import { failureText } from '../report/error-names.ts';
import { formatBytes, formatMs, formatNumber } from '../report/format.ts';
import type { RampPath, Report } from '../report/schema.ts';
import { html } from './markup.ts';
import type { Markup } from './markup.ts';
import { plotFigure } from './plot.ts';
import type { Series } from './plot.ts';
import { colorOf } from './colors.ts';
import { table } from './table.ts';

const clients = { label: 'clients', scale: 'log' } as const;

/** The ramps: latency, and the processes and memory of the database. */
export function scalabilitySection(report: Report): Markup | null {
  const { scalability } = report;
  if (scalability === undefined) return null;
  const series = (
    name: string,
    value: (step: RampPath['steps'][number]) => number | undefined,
    isDashed = false,
  ): Series[] =>
    scalability.paths.map(({ path, steps }) => ({
      name: `${path}${name}`,
      color: colorOf(report, path),
      isDashed,
      points: steps.flatMap((step): [number, number][] => {
        const y = value(step);
        return y === undefined ? [] : [[step.served, y]];
      }),
    }));
  return html`<div class="plots">
      ${plotFigure({
        title: 'Latency along the ramp',
        note: 'Each client thinks, runs a transaction, and thinks again. A line ends where no more clients could be served.',
        x: clients,
        y: { label: 'ms', scale: 'log' },
        series: [
          ...series(', p50', ({ latency }) => latency?.p50),
          ...series(', p99', ({ latency }) => latency?.p99, true),
        ],
      })}
      ${plotFigure({
        title: 'Server connections',
        note: 'Those added by the ramp; each is a server process.',
        x: clients,
        y: { label: 'connections', scale: 'log' },
        series: series('', ({ connections }) => Math.max(1, connections)),
      })}
      ${plotFigure({
        title: 'Memory of these processes',
        note: 'From /proc, with shared memory counted proportionally (Pss).',
        x: clients,
        y: { label: 'MB', scale: 'linear' },
        series: series('', ({ memoryBytes }) =>
          memoryBytes === null ? undefined : memoryBytes / 1e6,
        ),
      })}
    </div>
    ${table(
      'Steps of the ramps',
      [
        'path',
        'clients',
        'served',
        'login p50',
        'login p99',
        'p50',
        'p99',
        'answers/s',
        'connections',
        'memory',
        'of one, by PostgreSQL',
        'errors',
      ],
      scalability.paths.flatMap(({ path, steps }) =>
        steps.map((step) => [
          path,
          formatNumber(step.clients),
          formatNumber(step.served),
          step.connect === null ? '–' : formatMs(step.connect.p50),
          step.connect === null ? '–' : formatMs(step.connect.p99),
          step.latency === null ? '–' : formatMs(step.latency.p50),
          step.latency === null ? '–' : formatMs(step.latency.p99),
          formatNumber(step.throughput),
          formatNumber(step.connections),
          step.memoryBytes === null ? 'not local' : formatBytes(step.memoryBytes),
          step.contextBytes === null ? 'no permission' : formatBytes(step.contextBytes),
          failureText(step.failed) || 'none',
        ]),
      ),
      [11],
    )}`;
}
