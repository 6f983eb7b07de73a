import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { parse as parseCsv } from 'csv-parse';
import { ProveError } from '../prove-error.ts';

/** One thing that a trace tells. */
export type TraceEvent =
  | {
      readonly kind: 'statement';
      readonly text: string;
      readonly count: number;
      readonly session: string | undefined;
    }
  /** A pin that RDS Proxy itself tells of. */
  | {
      readonly kind: 'pin';
      readonly reason: string;
      readonly digest: string;
      readonly session: string | undefined;
    }
  /** A line that should have held a statement, and cannot be read. */
  | { readonly kind: 'unread' };

/** The forms of traces that are known. */
export const traceForms = {
  'rds-proxy': 'the log of RDS Proxy (DebugLogging)',
  csvlog: 'a log of PostgreSQL in CSV (log_destination csvlog)',
  jsonlog: 'a log of PostgreSQL in JSON (log_destination jsonlog)',
  stderr: 'a log of PostgreSQL (log_statement or log_min_duration_statement)',
  pg_stat_statements: 'an export of pg_stat_statements in CSV, with columns query and calls',
} as const;

export type TraceForm = keyof typeof traceForms;

/** Reads a recorded trace, line by line, so that it may be of any size. */
export async function* readTrace(file: string, form: TraceForm): AsyncGenerator<TraceEvent> {
  switch (form) {
    case 'rds-proxy':
      yield* rdsProxyEvents(lines(file));
      break;
    case 'stderr':
      yield* stderrEvents(lines(file));
      break;
    case 'jsonlog':
      yield* jsonEvents(lines(file));
      break;
    case 'csvlog':
      for await (const row of csv(file, false)) {
        const fields = row as readonly string[];
        yield* statementEvents(fields[13] ?? '', fields[5] === '' ? undefined : fields[5]);
      }
      break;
    case 'pg_stat_statements':
      for await (const row of csv(file, true)) {
        const { query = '', calls = '1' } = row as Readonly<Record<string, string>>;
        yield query === ''
          ? { kind: 'unread' }
          : { kind: 'statement', text: query, count: Number(calls) || 1, session: undefined };
      }
      break;
  }
}

/** Finds out the form of a trace by its beginning. */
export async function formOf(file: string): Promise<TraceForm> {
  let start: string;
  try {
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(64 * 1024), 0, 64 * 1024, 0);
      start = buffer.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new ProveError(`the trace ${file} cannot be read: ${(error as Error).message}`);
  }
  const [first = ''] = start.split('\n', 1);
  if (/\[clientConnection=\d+\]|session was pinned to the server connection/.test(start))
    return 'rds-proxy';
  if (/^\s*\{.*"(?:timestamp|message)"/.test(first)) return 'jsonlog';
  if (/(?:^|,)"?query"?(?:,|\r?$)/i.test(first)) return 'pg_stat_statements';
  if (/^"?\d{4}-\d\d-\d\d [\d:.]+ \w+"?,/.test(first)) return 'csvlog';
  if (/\b(?:LOG|DETAIL|ERROR|STATEMENT|HINT|FATAL):\s/.test(start)) return 'stderr';
  throw new ProveError(
    `the format of the trace ${file} is unknown; it must be one of: ${Object.values(traceForms).join('; ')}`,
  );
}

function lines(file: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(file), crlfDelay: Infinity });
}

function csv(file: string, hasHeader: boolean): AsyncIterable<unknown> {
  return createReadStream(file).pipe(
    parseCsv({
      columns: hasHeader && ((names: string[]) => names.map((name) => name.trim().toLowerCase())),
      relax_column_count: true,
      skip_empty_lines: true,
    }),
  );
}

/** `statement: …` of the simple protocol, `execute NAME: …` of the extended one; with log_duration in front. */
const statementMessage = /^(?:duration: [\d.]+ ms\s+)?(?:statement|execute [^:\n]*): ([\s\S]*)$/;

function* statementEvents(message: string, session: string | undefined): Generator<TraceEvent> {
  const text = statementMessage.exec(message)?.[1];
  if (text !== undefined) yield { kind: 'statement', text, count: 1, session };
}

async function* jsonEvents(source: AsyncIterable<string>): AsyncGenerator<TraceEvent> {
  for await (const line of source) {
    if (line.trim() === '') continue;
    try {
      const { message, session_id } = JSON.parse(line) as {
        readonly message?: string;
        readonly session_id?: string;
      };
      yield* statementEvents(message ?? '', session_id);
    } catch {
      yield { kind: 'unread' };
    }
  }
}

/** A line that begins with a tab goes on with the message before it. */
async function* stderrEvents(source: AsyncIterable<string>): AsyncGenerator<TraceEvent> {
  let message: string | undefined;
  let session: string | undefined;
  for await (const line of source) {
    if (message !== undefined && line.startsWith('\t')) {
      message += `\n${line.slice(1)}`;
      continue;
    }
    if (message !== undefined) yield* statementEvents(message, session);
    const entry = /^(.*?)\bLOG:\s+(.*)$/.exec(line);
    message = entry?.[2];
    // %p or %c in brackets, as log_line_prefix has it by default and on RDS.
    session = /\[([0-9a-f.]+)(?:-\d+)?\]/.exec(entry?.[1] ?? '')?.[1];
  }
  if (message !== undefined) yield* statementEvents(message, session);
}

/** Pins, as RDS Proxy tells them: with the reason, and mostly the statement, its literals replaced. */
async function* rdsProxyEvents(source: AsyncIterable<string>): AsyncGenerator<TraceEvent> {
  for await (const line of source) {
    const session = /\[clientConnection=(\d+)\]/.exec(line)?.[1];
    const digest = /Digest: "(.*)"/.exec(line)?.[1] ?? '';
    if (line.includes('session was pinned to the server connection')) {
      const reason = /Reason: (.*?)(?: Consider |Digest: |$)/.exec(line)?.[1]?.trim();
      yield { kind: 'pin', reason: reason ?? 'none was given', digest, session };
    }
    if (digest === '') continue;
    for (const piece of digest.split(';'))
      if (piece.trim() !== '') yield { kind: 'statement', text: piece.trim(), count: 1, session };
  }
}
