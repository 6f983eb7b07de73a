import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { messageOf } from '@sluice/proxy/error-message';
import { isRecord, isString, listOf, objectOf, optional, parseJson } from '@sluice/proxy/json';
import { parse as parseCsv } from 'csv-parse';
import { ProveError } from '../prove-error.ts';

/** One entry of a trace. */
export type TraceEvent =
  | {
      readonly kind: 'statement';
      readonly text: string;
      readonly count: number;
      readonly session: string | undefined;
    }
  /** A pin that RDS Proxy itself has logged. */
  | {
      readonly kind: 'pin';
      readonly reason: string;
      readonly digest: string;
      readonly session: string | undefined;
    }
  /** A line for a statement that cannot be parsed. */
  | { readonly kind: 'unread' };

/** The supported formats of traces. */
export const traceForms = {
  'rds-proxy': 'the log of RDS Proxy (DebugLogging)',
  csvlog: 'a log of PostgreSQL in CSV (log_destination csvlog)',
  jsonlog: 'a log of PostgreSQL in JSON (log_destination jsonlog)',
  stderr: 'a log of PostgreSQL (log_statement or log_min_duration_statement)',
  pg_stat_statements: 'an export of pg_stat_statements in CSV, with columns query and calls',
} as const;

export type TraceForm = keyof typeof traceForms;

/** Reads a recorded trace line by line, so that it can be of any size. */
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
        if (!isStrings(row)) continue;
        yield* statementEvents(row[13] ?? '', row[5] === '' ? undefined : row[5]);
      }
      break;
    case 'pg_stat_statements':
      for await (const row of csv(file, true)) {
        const { query, calls } = isRecord(row) ? row : {};
        yield typeof query !== 'string' || query === ''
          ? { kind: 'unread' }
          : { kind: 'statement', text: query, count: Number(calls) || 1, session: undefined };
      }
      break;
  }
}

/** Detects the format of a trace from its beginning. */
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
    throw new ProveError(`the trace ${file} cannot be read: ${messageOf(error)}`);
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

/**
 * `statement: …` of the simple protocol or `execute NAME: …` of the extended one, possibly after a duration
 * (log_duration).
 */
const statementMessage = /^(?:duration: [\d.]+ ms\s+)?(?:statement|execute [^:\n]*): ([\s\S]*)$/;

function* statementEvents(message: string, session: string | undefined): Generator<TraceEvent> {
  const text = statementMessage.exec(message)?.[1];
  if (text !== undefined) yield { kind: 'statement', text, count: 1, session };
}

const isStrings = listOf(isString);

/** The used fields of a line of a log in JSON. */
const isLogEntry = objectOf<{
  readonly message: string | undefined;
  readonly session_id: string | undefined;
}>({ message: optional(isString), session_id: optional(isString) });

async function* jsonEvents(source: AsyncIterable<string>): AsyncGenerator<TraceEvent> {
  for await (const line of source) {
    if (line.trim() === '') continue;
    const entry = parseJson(line, isLogEntry);
    if (entry === undefined) yield { kind: 'unread' };
    else yield* statementEvents(entry.message ?? '', entry.session_id);
  }
}

/** A line that begins with a tab continues the previous message. */
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
    // %p or %c in brackets, as in the default log_line_prefix and that of RDS.
    session = /\[([0-9a-f.]+)(?:-\d+)?\]/.exec(entry?.[1] ?? '')?.[1];
  }
  if (message !== undefined) yield* statementEvents(message, session);
}

/** The pins in the log of RDS Proxy: with the reason, and mostly the statement with replaced literals. */
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
