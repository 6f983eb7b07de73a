import { formatNumber, formatShare } from '../report/format.ts';
import type { PinningEntry, Report } from '../report/schema.ts';
import { html } from './markup.ts';
import type { Content, Markup } from './markup.ts';
import { table } from './table.ts';

/** The maximum number of rows; report.json has all of them. */
const mostShown = 60;

/** The effects of the statements on poolers. */
export function pinningSection({ pinning }: Report): Markup | null {
  if (pinning === undefined) return null;
  const { entries, source, statements, observed, measured, unread } = pinning;
  const verdict = ({ effect, why }: PinningEntry['sluice']): Content =>
    effect === 'nothing' ? '–' : html`<strong>${effect}</strong>: ${why}`;
  return html`<p>
      ${formatNumber(statements)} statements from
      ${source}.${unread > 0 ? ` ${formatNumber(unread)} lines could not be read.` : ''}
      ${entries.length === 0 ? 'None of them touches session state.' : `${formatNumber(entries.length)} different ones touch session state.`}
    </p>
    ${
      entries.length === 0
        ? null
        : table(
            'Statements that touch session state',
            [
              'statement',
              'share',
              'count',
              'RDS Proxy',
              'PgBouncer (transaction pooling)',
              'Sluice',
            ],
            entries
              .slice(0, mostShown)
              .map((entry) => [
                html`<code>${entry.statement}</code>`,
                formatShare(entry.share),
                formatNumber(entry.count),
                verdict(entry.rdsProxy),
                verdict(entry.pgbouncer),
                verdict(entry.sluice),
              ]),
            [0, 3, 4, 5],
            true,
          )
    }
    ${
      observed.length === 0
        ? null
        : html`<h3>Pins in the log of RDS Proxy</h3>
            ${table(
              'Pins in the log of RDS Proxy',
              ['reason', 'count', 'statement'],
              observed.map(({ reason, count, digest }) => [
                reason,
                formatNumber(count),
                html`<code>${digest}</code>`,
              ]),
              [0, 2],
              true,
            )}`
    }
    ${
      measured.length === 0
        ? null
        : html`<h3>Tried on each path</h3>
            ${table(
              'Tested session state',
              [
                'path',
                'state that a session set',
                'kept by the session',
                'seen by another session',
              ],
              measured.map(({ path, tried, kept, seenByOthers }) => [
                path,
                tried,
                kept ? 'yes' : 'NO',
                seenByOthers ? 'YES' : 'no',
              ]),
              [1],
            )}`
    }`;
}
