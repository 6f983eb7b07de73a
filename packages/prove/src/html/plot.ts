import { scaleLinear, scaleLog } from 'd3-scale';
import { line } from 'd3-shape';
import { formatNumber } from '../report/format.ts';
import { html, Markup } from './markup.ts';

/** A line or a set of dots in a plot. */
export interface Series {
  readonly name: string;
  /** The index of the color: the position of the path. */
  readonly color: number;
  readonly isDashed?: boolean;
  /** Only dots, for values that a line should not connect, such as those of rounds. */
  readonly isDots?: boolean;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** An axis. `percentile` stretches the values close to 100, as in plots of HDR histograms. */
export interface Axis {
  readonly label: string;
  readonly scale: 'linear' | 'log' | 'percentile';
  readonly format?: (value: number) => string;
}

/** A plot with a title, a legend and its numbers. */
export interface Plot {
  readonly title: string;
  /** One sentence about the plot. */
  readonly note: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
  /** Vertical lines with labels. */
  readonly marks?: readonly { readonly x: number; readonly label: string }[];
}

interface Size {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly ticks: number;
}

const sizes: readonly Size[] = [
  { name: 'wide', width: 640, height: 300, ticks: 7 },
  { name: 'narrow', width: 350, height: 260, ticks: 4 },
];

const margin = { top: 12, right: 14, bottom: 40, left: 52 };

const percentileTicks = [0, 50, 90, 99, 99.9, 99.99];

/** The plot in both widths, of which the style sheet shows one; null if there are no values. */
export function plotFigure(plot: Plot): Markup | null {
  const points = plot.series.flatMap((series) => series.points);
  if (points.length === 0) return null;
  return html`<figure>
    <figcaption>${plot.title}<span class="soft">${plot.note}</span></figcaption>
    <ul class="legend">
      ${plot.series.filter(({ points }) => points.length > 0).map((series) => html`<li>${legendMark(series)}${series.name}</li>`)}
    </ul>
    ${sizes.map((size) => drawing(plot, size))} ${numbers(plot)}
  </figure>`;
}

function legendMark({ color, isDashed, isDots }: Series): Markup {
  const shape =
    isDots === true
      ? `<circle class="f${color}" cx="13" cy="5" r="4"/>`
      : `<line class="line c${color}${isDashed === true ? ' dashed' : ''}" x1="0" x2="26" y1="5" y2="5"/>`;
  return new Markup(`<svg aria-hidden="true" viewBox="0 0 26 10">${shape}</svg>`);
}

type Scale = (value: number) => number;

interface Scaled {
  readonly scale: Scale;
  readonly ticks: readonly number[];
}

/** The position of a percentile: each further nine is one step. */
function nines(percentile: number): number {
  return -Math.log10(1 - Math.min(percentile, 99.999) / 100);
}

function scaled(
  { scale }: Axis,
  values: readonly number[],
  range: [number, number],
  ticks: number,
): Scaled {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (scale === 'percentile') {
    const ends = scaleLinear()
      .domain([0, nines(high)])
      .range(range);
    return {
      scale: (value) => ends(nines(value)),
      ticks: percentileTicks.filter((tick) => tick <= high),
    };
  }
  if (scale === 'log') {
    const from = Math.max(low, 1e-3);
    const ends = scaleLog()
      .domain([from / 1.15, Math.max(high, from * 2) * 1.15])
      .range(range);
    const all = ends.ticks(ticks);
    // If there are many ticks, only those that begin with 1, 2 or 5.
    const few =
      all.length > ticks + 2 ? all.filter((tick) => /^[125]/.test(tick.toExponential())) : all;
    const fewer =
      few.length > ticks + 3 ? few.filter((tick) => tick.toExponential().startsWith('1')) : few;
    return { scale: (value) => ends(Math.max(value, from / 1.15)), ticks: fewer };
  }
  const ends = scaleLinear()
    .domain([Math.min(0, low), high === low ? low + 1 : high])
    .nice(ticks)
    .range(range);
  return { scale: (value) => ends(value), ticks: ends.ticks(ticks) };
}

function drawing(plot: Plot, size: Size): Markup {
  const { x, y, series, marks = [] } = plot;
  const points = series.flatMap((each) => each.points);
  const right = size.width - margin.right;
  const bottom = size.height - margin.bottom;
  const across = scaled(
    x,
    [...points.map(([at]) => at), ...marks.map((mark) => mark.x)],
    [margin.left, right],
    size.ticks,
  );
  const up = scaled(
    y,
    points.map(([, value]) => value),
    [bottom, margin.top],
    5,
  );
  const path = line()
    .x(([at]) => round(across.scale(at)))
    .y(([, value]) => round(up.scale(value)));
  const formatX = x.format ?? tickText;
  const formatY = y.format ?? tickText;
  const parts = [
    ...up.ticks.map((tick) => {
      const at = round(up.scale(tick));
      return `<line class="grid" x1="${margin.left}" x2="${right}" y1="${at}" y2="${at}"/><text x="${margin.left - 6}" y="${at + 4}" text-anchor="end">${formatY(tick)}</text>`;
    }),
    ...across.ticks.map(
      (tick) =>
        `<text x="${round(across.scale(tick))}" y="${bottom + 16}" text-anchor="middle">${formatX(tick)}</text>`,
    ),
    `<text x="${(margin.left + right) / 2}" y="${size.height - 6}" text-anchor="middle">${x.label}</text>`,
    `<text transform="translate(12 ${(margin.top + bottom) / 2}) rotate(-90)" text-anchor="middle">${y.label}</text>`,
    // All lines first, so that none crosses a label.
    ...marks.map(({ x: at }) => {
      const position = round(across.scale(at));
      return `<line class="mark" x1="${position}" x2="${position}" y1="${margin.top}" y2="${bottom}"/>`;
    }),
    ...marks.map(({ x: at, label }, place) => {
      const position = round(across.scale(at));
      const isLate = position > (margin.left + right) / 2;
      return `<text class="mark-label" x="${position + (isLate ? -5 : 5)}" y="${margin.top + 10 + place * 15}" text-anchor="${isLate ? 'end' : 'start'}">${label}</text>`;
    }),
    ...series.map(({ points: those, color, isDashed, isDots }) =>
      isDots === true
        ? those
            .map(
              ([at, value]) =>
                `<circle class="f${color}" cx="${round(across.scale(at))}" cy="${round(up.scale(value))}" r="4"/>`,
            )
            .join('')
        : `<path class="line c${color}${isDashed === true ? ' dashed' : ''}" d="${path(those.map(([at, value]): [number, number] => [at, value])) ?? ''}"/>`,
    ),
  ];
  return new Markup(
    `<svg class="plot ${size.name}" role="img" aria-label="${html`${plot.title}. ${plot.note}`.text}" viewBox="0 0 ${size.width} ${size.height}">${parts.join('')}</svg>`,
  );
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function tickText(value: number): string {
  if (value >= 1000) return `${formatNumber(value / 1000).replace(/\.?0+$/, '')}k`;
  return String(Number(value.toPrecision(3)));
}

/** The numbers of a plot, for readers who cannot see it or who want exact values. */
function numbers({ x, y, series, title }: Plot): Markup {
  const named = series.filter(({ points }) => points.length > 0);
  const rows = [...new Set(named.flatMap(({ points }) => points.map(([at]) => at)))].toSorted(
    (a, b) => a - b,
  );
  const format = x.format ?? ((value: number) => String(Number(value.toPrecision(5))));
  const cell = ({ points }: Series, at: number): string =>
    points
      .filter(([other]) => other === at)
      .map(([, value]) => formatNumber(value))
      .join(', ');
  return html`<details>
    <summary>Numbers: ${title}</summary>
    <div class="scroll" role="region" tabindex="0" aria-label="Numbers: ${title}">
      <table>
        <thead>
          <tr>
            <th scope="col">${x.label}</th>
            ${named.map(({ name }) => html`<th scope="col">${name}, ${y.label}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (at) =>
              html`<tr>
                <th scope="row">${format(at)}</th>
                ${named.map((each) => html`<td>${cell(each, at)}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </details>`;
}
