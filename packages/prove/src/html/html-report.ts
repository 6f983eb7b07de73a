import { stringify } from 'yaml';
import { formatBytes, formatNumber, listed } from '../report/format.ts';
import type { Claim, Finding, Report } from '../report/schema.ts';
import { claims } from '../report/schema.ts';
import { beforeUnit, statementsOf } from '../report/summary.ts';
import { availabilitySection } from './availability-section.ts';
import { html, Markup } from './markup.ts';
import { performanceSection } from './performance-section.ts';
import { pinningSection } from './pinning-section.ts';
import { scalabilitySection } from './scalability-section.ts';
import { style } from './style.ts';
import { table } from './table.ts';

const sections: Readonly<Record<Claim, (report: Report) => Markup | null>> = {
  scalability: scalabilitySection,
  performance: performanceSection,
  availability: availabilitySection,
  pinning: pinningSection,
};

const titles: Readonly<Record<Claim, string>> = {
  scalability: 'Scalability',
  performance: 'Performance',
  availability: 'Availability',
  pinning: 'Pinning',
};

/** `report.html`: one file without scripts and requests, which opens from disk. */
export function htmlReport(report: Report): string {
  const { paths, startedAt, seconds } = report;
  const shown = claims.filter((claim) => report[claim] !== undefined);
  const title = `sluice prove: ${listed(paths.map((path) => path.name))}`;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="generator" content="sluice ${report.sluice}" />
        <link rel="icon" href="data:," />
        <title>${title}</title>
        <style>
          ${new Markup(style)}
        </style>
      </head>
      <body>
        <a class="skip" href="#main">To the findings</a>
        <header>
          <h1>What a proxy does: ${listed(paths.map((path) => path.name))}</h1>
          <p class="soft">
            ${startedAt.slice(0, 16).replace('T', ' ')} UTC, ${formatNumber(Math.round(seconds))}
            seconds, ${statementsOf(report)}${report.isComplete ? '' : ' (stopped early)'}
          </p>
          <nav aria-label="Sections">
            <ul>
              ${shown.map((claim) => html`<li><a href="#${claim}">${titles[claim]}</a></li>`)}
              <li><a href="#measurement">The measurement</a></li>
              <li><a href="#repeat">Settings and versions</a></li>
            </ul>
          </nav>
        </header>
        <main id="main">
          ${shown.map(
            (claim) =>
              html`<section aria-labelledby="${claim}">
                <h2 id="${claim}">${titles[claim]}</h2>
                ${findingList(report, claim)} ${sections[claim](report)}
              </section>`,
          )}
          <section aria-labelledby="measurement">
            <h2 id="measurement">The measurement</h2>
            ${findingList(report, 'generator')}
            ${shown.includes('availability') ? null : findingList(report, 'availability')}
            <p class="soft">
              A finding is stated only if the rounds support it: its interval (95 %) comes from a
              bootstrap over the rounds, in which the paths took turns. “No difference seen” is a
              finding too: the interval includes 0.
            </p>
          </section>
          ${repeatSection(report)}
        </main>
        <footer>
          Made by sluice prove ${report.sluice}. report.json beside this file holds every number.
        </footer>
      </body>
    </html>`;
  return `${page.text.replaceAll(/\n\s+/g, '\n')}\n`;
}

function findingList({ findings }: Report, claim: Finding['claim']): Markup | null {
  const those = findings.filter((finding) => finding.claim === claim);
  if (those.length === 0) return null;
  return html`<ul class="findings">
    ${those.map(
      ({ kind, sentence }) =>
        html`<li class="${kind.replace(' ', '-')}">
          <span class="kind">${kind}</span>${withUnits(sentence)}
        </li>`,
    )}
  </ul>`;
}

/** Keeps a number and its unit on one line. */
function withUnits(sentence: string): string {
  return sentence.replaceAll(beforeUnit, '\u00A0');
}

/** Everything that is needed to repeat the run. */
function repeatSection(report: Report): Markup {
  const { machine, database, paths, settings, workload } = report;
  return html`<section aria-labelledby="repeat">
    <h2 id="repeat">Settings and versions</h2>
    ${table(
      'Versions and machine',
      ['what', 'value'],
      [
        ['Sluice', report.sluice],
        [
          'PostgreSQL',
          `${database.version}, max_connections ${database.maxConnections}, ${database.isLocal ? 'on the load generator’s machine' : 'on another machine'}`,
        ],
        ['other connections before the run', formatNumber(database.connections)],
        ['Node.js', machine.node],
        [
          'load generator’s machine',
          `${machine.cores} cores (${machine.cpu}), ${formatBytes(machine.memoryBytes)}, ${machine.kernel}`,
        ],
        ['load average before the run', machine.loadBefore.toFixed(2)],
        ...paths.map(({ name, url }) => [`path ${name}`, url]),
      ],
      [0, 1],
    )}
    <h3>Settings</h3>
    ${table(
      'Settings',
      ['setting', 'value'],
      Object.entries(settings).map(([setting, value]) => [
        setting,
        Array.isArray(value) ? value.join(', ') : String(value),
      ]),
      [0, 1],
    )}
    <h3>Workload</h3>
    <details>
      <summary>The workload as a file</summary>
      <pre tabindex="0">${preformatted(stringify(workload))}</pre>
    </details>
  </section>`;
}

/** The page loses its indentation at the end, but the workload must keep it. */
function preformatted(text: string): Markup {
  return new Markup(html`${text}`.text.replaceAll('\n', '&#10;'));
}
