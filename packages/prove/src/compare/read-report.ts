import { readFileSync } from 'node:fs';
import { messageOf } from '@sluice/proxy/error-message';
import { Value } from 'typebox/value';
import { ProveError } from '../prove-error.ts';
import { reportSchema } from '../report/schema.ts';
import type { Report } from '../report/schema.ts';
import { schemaProblems } from '../schema/schema-problems.ts';

/** Reads a `report.json`. */
export function readReport(file: string): Report {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ProveError(`the report ${file} cannot be read: ${messageOf(error)}`);
  }
  if (Value.Check(reportSchema, value)) return value;
  const [problem] = schemaProblems(reportSchema, value);
  throw new ProveError(
    `${file} is not a report of sluice prove that this version can read: ${problem?.message ?? ''}`,
  );
}
