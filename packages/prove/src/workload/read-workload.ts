import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Value } from 'typebox/value';
import { isNode, LineCounter, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import { ProveError } from '../prove-error.ts';
import { schemaProblems } from '../schema/schema-problems.ts';
import { workloadSchema } from './schema.ts';
import type { WorkloadFile } from './schema.ts';

/** The included workloads. */
export const readyWorkloads = ['web', 'serverless', 'pgbench', 'orm'] as const;

const folder = path.join(import.meta.dirname, 'ready');

/**
 * Reads a workload: an included one by its name, or a file.
 *
 * @throws ProveError with every problem of the file and its position.
 */
export function readWorkload(nameOrFile: string): WorkloadFile {
  const isReady = readyWorkloads.some((name) => name === nameOrFile);
  const file = isReady ? path.join(folder, `${nameOrFile}.yaml`) : nameOrFile;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new ProveError(
      `--workload is "${nameOrFile}", which is neither a readable file nor one of the workloads of Sluice (${readyWorkloads.join(', ')})`,
    );
  }
  return parseWorkload(text, file);
}

/** Parses the text of a workload file; `file` is for messages. */
export function parseWorkload(text: string, file: string): WorkloadFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const problems = document.errors.map(({ pos, message }) => `${place(pos[0])}: ${message}`);
  if (problems.length === 0) {
    const value: unknown = document.toJS();
    const found = schemaProblems(workloadSchema, value);
    if (found.length === 0 && Value.Check(workloadSchema, value)) {
      found.push(...unknownNames(value));
      if (found.length === 0) return value;
    }
    for (const { keys, message } of found)
      problems.push(`${place(offsetOf(document, keys))}: ${message}`);
  }
  throw new ProveError(
    `the workload has ${problems.length === 1 ? 'a problem' : 'problems'}:\n${problems.map((line) => `  ${line}`).join('\n')}`,
  );
}

/** The checks that a schema cannot express: unknown statement names, missing parameters, empty ranges. */
function unknownNames(workload: WorkloadFile): { keys: string[]; message: string }[] {
  const names = Object.keys(workload.statements);
  const problems: { keys: string[]; message: string }[] = [];
  for (const [at, { steps }] of workload.transactions.entries()) {
    for (const [step, each] of steps.entries()) {
      const name = typeof each === 'string' ? each : 'statement' in each ? each.statement : null;
      if (name !== null && !names.includes(name))
        problems.push({
          keys: ['transactions', String(at), 'steps', String(step)],
          message: `there is no statement "${name}"; statements are ${names.join(', ')}`,
        });
    }
  }
  for (const [name, { sql, parameters = [] }] of Object.entries(workload.statements)) {
    const used = Math.max(0, ...[...sql.matchAll(/\$(\d+)/g)].map(([, digits]) => Number(digits)));
    if (used !== parameters.length)
      problems.push({
        keys: ['statements', name],
        message:
          `the statement uses $1 to $${used}, and ${parameters.length} parameters are given`.replace(
            '$1 to $0',
            'no parameters',
          ),
      });
    for (const [at, parameter] of parameters.entries()) {
      if (typeof parameter !== 'object' || parameter === null || !('min' in parameter)) continue;
      if (parameter.min > parameter.max)
        problems.push({
          keys: ['statements', name, 'parameters', String(at)],
          message: `min is ${parameter.min}, which is more than max, ${parameter.max}`,
        });
    }
  }
  return problems;
}

/** The position of the value at these keys in the text; if there is none, that of the nearest enclosing value. */
function offsetOf(document: Document, keys: readonly string[]): number {
  for (let depth = keys.length; depth >= 0; depth--) {
    const node: unknown = document.getIn(keys.slice(0, depth).map(asKey), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

function asKey(key: string): string | number {
  return /^\d+$/.test(key) ? Number(key) : key;
}
