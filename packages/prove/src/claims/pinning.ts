import { loadParser } from '@sluice/proxy/sql';
import { ownMark, probePath } from '../pinning/probes.ts';
import { Tally } from '../pinning/tally.ts';
import { formOf, readTrace, traceForms } from '../pinning/trace.ts';
import { ProveError } from '../prove-error.ts';
import type { Pinning } from '../report/schema.ts';
import type { ProveOptions } from '../options.ts';
import { readWorkload } from '../workload/read-workload.ts';
import { Workload } from '../workload/workload.ts';
import type { ProveRun } from './run.ts';

/** With this name, `--trace` reads the statements from the database. */
export const liveStatements = 'pg_stat_statements';

/** The assumed number of transactions of a session, which determines the weight of the statements at connect. */
const transactionsPerSession = 100;

/** The expected duration, in seconds. */
export const pinningSeconds = 4;

/**
 * What poolers do with the statements of the workload or of a recorded trace, and which session state they keep when
 * tried.
 */
export async function provePinning(
  run: ProveRun,
  { trace, workload }: Pick<ProveOptions, 'trace' | 'workload'>,
): Promise<Pinning> {
  await loadParser();
  const measured: Pinning['measured'] = [];
  for (const path of run.paths) {
    run.signal.throwIfAborted();
    run.progress.show(`${path.name}, session state`);
    measured.push(...(await probePath(path)));
  }
  run.progress.show(trace === undefined ? 'the workload' : `the trace ${trace}`);
  const analysis =
    trace === undefined
      ? analyseWorkload(workload === undefined ? ormWorkload(run) : run.workload)
      : trace === liveStatements
        ? await analyseLive(run)
        : await analyseTrace(trace, {
            ownSchema: run.control.schema,
            onProgress: (count) => run.progress.show(`${count} statements`),
          });
  return { ...analysis, measured };
}

/** The default workload: it has the housekeeping statements of real drivers, which cause problems with poolers. */
function ormWorkload({ control }: ProveRun): Workload {
  return new Workload(readWorkload('orm'), control.schema);
}

type Analysis = Omit<Pinning, 'measured'>;

/** Counts the statements of a workload for 100 transactions of one session. */
export function analyseWorkload(workload: Workload): Analysis {
  const tally = new Tally();
  const { transactions } = workload.file;
  const weights = transactions.reduce((sum, { weight = 1 }) => sum + weight, 0);
  for (const text of workload.session) tally.add(text, 1);
  for (const [at, { steps }] of workload.transactions.entries()) {
    const count = (transactionsPerSession * (transactions[at]?.weight ?? 1)) / weights;
    for (const step of steps) if (typeof step !== 'number') tally.add(step.text, count);
  }
  for (const text of workload.release) tally.add(text, transactionsPerSession);
  return {
    source: `workload ${workload.file.name}: a session of ${transactionsPerSession} transactions`,
    statements: Math.round(tally.statements),
    unread: 0,
    sessions: null,
    entries: tally.entries(),
    observed: [],
  };
}

/** Counts the statements of a recorded trace, except those of `sluice prove` itself. */
export async function analyseTrace(
  file: string,
  {
    ownSchema = 'sluice_prove',
    onProgress = () => undefined,
  }: {
    readonly ownSchema?: string;
    readonly onProgress?: (statements: number) => void;
  } = {},
): Promise<Analysis> {
  await loadParser();
  const form = await formOf(file);
  const tally = new Tally();
  const pins = new Map<string, { reason: string; digest: string; count: number }>();
  let unread = 0;
  let events = 0;
  for await (const event of readTrace(file, form)) {
    if (++events % 20_000 === 0) onProgress(events);
    if (event.kind === 'unread') unread++;
    else if (event.kind === 'statement') {
      const { text, count, session } = event;
      if (!text.includes(ownMark) && !text.includes(ownSchema)) tally.add(text, count, session);
    } else {
      const key = `${event.reason}\n${event.digest}`;
      const known = pins.get(key);
      if (known === undefined) pins.set(key, { ...event, count: 1 });
      else known.count++;
    }
  }
  if (events === 0) {
    throw new ProveError(
      `the trace ${file} contains no statements; PostgreSQL logs them with log_statement = all, RDS Proxy with DebugLogging`,
    );
  }
  return {
    source: traceForms[form],
    statements: tally.statements,
    unread,
    sessions: tally.sessions(),
    entries: tally.entries(),
    observed: [...pins.values()]
      .map(({ reason, digest, count }) => ({ reason, digest, count }))
      .toSorted((a, b) => b.count - a.count),
  };
}

/** Counts the statements of this database in pg_stat_statements, except those of this run. */
async function analyseLive({ control, facts }: ProveRun): Promise<Analysis> {
  if (!facts.hasStatements) {
    throw new ProveError(
      '--trace pg_stat_statements requires the extension in the database, and the privilege to read it (CREATE EXTENSION pg_stat_statements; GRANT pg_read_all_stats)',
    );
  }
  const rows = await control.query<{ query: string; calls: number }>(
    `SELECT query, sum(calls)::float8 AS calls FROM pg_stat_statements
       WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
         AND position($1 IN query) = 0 AND position($2 IN query) = 0
       GROUP BY query`,
    [ownMark, control.schema],
  );
  const tally = new Tally();
  for (const { query, calls } of rows) tally.add(query, calls);
  return {
    source: 'pg_stat_statements of the database',
    statements: tally.statements,
    unread: 0,
    sessions: null,
    entries: tally.entries(),
    observed: [],
  };
}
