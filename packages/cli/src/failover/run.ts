import type { Run } from '../command.ts';
import { UsageError } from '../command.ts';
import { findControl } from '../up/control.ts';
import type { FailoverReport } from '../up/fail-over.ts';

export const run: Run = async ({ options, stdout }) => {
  const control = findControl();
  if (control === undefined) {
    throw new UsageError('no `sluice up --standbys 1` is running; start one in another terminal');
  }
  const response = await fetch(`${control.url}/failover/${String(options['kind'])}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${control.token}` },
  });
  if (!response.ok) {
    throw new Error(`the fail-over did not work: ${(await response.text()).trim()}`);
  }
  const report = (await response.json()) as FailoverReport;
  stdout.write(options['json'] === true ? `${JSON.stringify(report)}\n` : storyText(report));
  return 0;
};

/** The story as a person reads it: what happened, and how long after the fault. */
function storyText({ kind, faultAt, story }: FailoverReport): string {
  const since = (time: string | null): string =>
    time === null ? '       –' : `${String(Date.parse(time) - Date.parse(faultAt)).padStart(6)} ms`;
  const lines: [time: string | null, what: string][] = [
    [faultAt, `${kind} of the primary`],
    ...(story === null
      ? []
      : ([
          [story.evidenceAt, `first sign: ${story.evidence ?? 'none in traffic'}`],
          [story.detectedAt, `${story.formerWriter} is lost: ${story.why}`],
          [
            story.writerFoundAt,
            `${story.writer ?? 'nobody'} is the writer; ${story.held} sessions were held`,
          ],
          [story.firstServedAt, 'first statement served'],
        ] as [string | null, string][])),
  ];
  return `${lines.map(([time, what]) => `${since(time)}  ${what}`).join('\n')}\n`;
}
