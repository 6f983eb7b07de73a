import { parseJson } from '@sluice/proxy/json';
import type { Run } from '../command.ts';
import { UsageError } from '../command.ts';
import { findControl } from '../up/control.ts';
import { isFailoverReport } from '../up/fail-over.ts';
import type { FailoverReport } from '../up/fail-over.ts';

export const run: Run = async ({ options, stdout }) => {
  const control = findControl();
  if (control?.canFailOver !== true) {
    throw new UsageError('no `sluice up --standbys 1` is running; start one in another terminal');
  }
  const response = await fetch(`${control.url}/failover/${String(options['kind'])}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${control.token}` },
  });
  if (!response.ok) {
    throw new Error(`the failover failed: ${(await response.text()).trim()}`);
  }
  const report = parseJson(await response.text(), isFailoverReport);
  if (report === undefined) throw new Error(`${control.url} did not return a failover report`);
  stdout.write(options['json'] === true ? `${JSON.stringify(report)}\n` : historyText(report));
  return 0;
};

/** The timeline as text: each event, and the time since the fault. */
function historyText({ kind, faultAt, failover }: FailoverReport): string {
  const since = (time: string | null): string =>
    time === null ? '       –' : `${String(Date.parse(time) - Date.parse(faultAt)).padStart(6)} ms`;
  const lines: [time: string | null, what: string][] = [[faultAt, `${kind} of the primary`]];
  if (failover !== null)
    lines.push(
      [
        failover.failureSignalAt,
        `first failure signal: ${failover.failureSignal ?? 'none in traffic'}`,
      ],
      [failover.detectedAt, `${failover.formerWriter} is lost: ${failover.why}`],
      [
        failover.writerFoundAt,
        `${failover.writer ?? 'no target'} is the writer; ${failover.waiting} sessions waited`,
      ],
      [failover.firstServedAt, 'first statement served'],
    );
  return `${lines.map(([time, what]) => `${since(time)}  ${what}`).join('\n')}\n`;
}
