import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import { errorText } from './error-text.ts';
import type { Given, GivenEntry, GivenRecord } from './given.ts';
import { nearMisses } from '../near-miss.ts';
import type { Problem } from './problem.ts';
import type { ListRow, ScalarRow, Setting } from './setting.ts';

/** The context of a check, and the list of problems. */
export interface Checking {
  /** The base directory of relative paths. */
  readonly folder: string;
  /** Whether the files in the settings must be readable. */
  readonly opensFiles: boolean;
  readonly problems: Problem[];
}

/** A checked value, or undefined if it was invalid; the problem is then in the list. */
type Checked = string | number | boolean | readonly Readonly<Record<string, unknown>>[] | undefined;

/** The allowed values of a row, as a phrase after "it must be". */
export function expected(row: ScalarRow | ListRow): string {
  switch (row.type) {
    case 'integer':
      return `a whole number from ${row.min} to ${row.max}${row.unit === undefined ? '' : ` (${row.unit})`}`;
    case 'duration':
      return `a number of seconds from ${row.min} to ${row.max}`;
    case 'bytes':
      return `a whole number of bytes from ${row.min} to ${row.max}`;
    case 'boolean':
      return 'true or false';
    case 'enum':
      return `one of ${row.values.join(', ')}`;
    case 'string':
      return row.pattern?.doc ?? 'text';
    case 'file':
      return 'the path of a file';
    default:
      return 'a list';
  }
}

/**
 * Checks every entry of a record against the rows for its names, and that no required one is missing. `prefix` precedes
 * a name in a message, for example `Users[1].`.
 */
export function checkRecord(
  record: GivenRecord,
  rows: Readonly<Record<string, ScalarRow | Setting>>,
  prefix: string,
  checking: Checking,
): Record<string, Checked> {
  const { problems } = checking;
  const values: Record<string, Checked> = {};
  for (const entry of record.entries) {
    const row = Object.hasOwn(rows, entry.name) ? rows[entry.name] : undefined;
    if (row === undefined) {
      problems.push(unknownName(entry, Object.keys(rows), prefix));
      continue;
    }
    values[entry.name] = checkValue(entry.value, row, prefix + entry.name, checking);
  }
  for (const [name, row] of Object.entries(rows)) {
    if (row.required === true && !Object.hasOwn(values, name)) {
      problems.push({
        where: record.where,
        message: `${prefix}${name} is missing; it must be ${expected(row)}`,
      });
    }
  }
  return values;
}

function unknownName(entry: GivenEntry, names: readonly string[], prefix: string): Problem {
  const [meant] = nearMisses(entry.name, names);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  return { where: entry.where, message: `${prefix}${entry.name} is not a setting${hint}` };
}

function checkValue(
  given: Given,
  row: ScalarRow | Setting,
  name: string,
  checking: Checking,
): Checked {
  if (row.type === 'list') {
    return checkList(given, row, name, checking);
  }
  const { problems } = checking;
  if (given.kind !== 'scalar') {
    const what = given.kind === 'list' ? 'a list' : 'a group of settings';
    problems.push({
      where: given.where,
      message: `${name} is ${what}; it must be ${expected(row)}`,
    });
    return undefined;
  }
  const { value, where } = given;
  if (isRight(value, row)) {
    return row.type === 'file' ? checkFile(String(value), where, name, checking) : value;
  }
  problems.push({
    where,
    message: `${name} ${describe(value, row)}; it must be ${expected(row)}${advice(value, row)}`,
  });
  return undefined;
}

function checkFile(path: string, where: string, name: string, checking: Checking): string {
  const file = resolve(checking.folder, path);
  if (checking.opensFiles) {
    try {
      accessSync(file, constants.R_OK);
    } catch (error) {
      checking.problems.push({ where, message: `${name}: ${errorText(error)}` });
    }
  }
  return file;
}

function checkList(given: Given, row: ListRow, name: string, checking: Checking): Checked {
  const { problems } = checking;
  if (given.kind !== 'list') {
    problems.push({
      where: given.where,
      message: `${name} must be a list: lines that start with "- "`,
    });
    return undefined;
  }
  const before = problems.length;
  const records = given.items.flatMap((item, index) => {
    const position = `${name}[${index}]`;
    if (item.kind !== 'record') {
      problems.push({
        where: item.where,
        message: `${position} must be a group of settings: ${Object.keys(row.fields).join(', ')}`,
      });
      return [];
    }
    return [{ ...defaultsOf(row), ...checkRecord(item, row.fields, `${position}.`, checking) }];
  });
  return problems.length === before ? records : undefined;
}

/** The defaults of the fields of an entry. */
function defaultsOf({ fields }: ListRow): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, field]) =>
      field.default === undefined ? [] : [[name, field.default]],
    ),
  );
}

function isRight(value: unknown, row: ScalarRow): value is string | number | boolean {
  switch (row.type) {
    case 'integer':
    case 'bytes':
      return Number.isInteger(value) && isInRange(value, row);
    case 'duration':
      return isInRange(value, row);
    case 'boolean':
      return typeof value === 'boolean';
    case 'enum':
      return typeof value === 'string' && row.values.includes(value);
    case 'string':
      return typeof value === 'string' && (row.pattern?.regexp.test(value) ?? true);
    default:
      return typeof value === 'string' && value !== '';
  }
}

function isInRange(value: unknown, { min, max }: { min: number; max: number }): boolean {
  return typeof value === 'number' && value >= min && value <= max;
}

function describe(value: unknown, row: ScalarRow): string {
  if (value === null) {
    return 'has no value';
  }
  return row.type === 'string' && row.secret === true
    ? 'is not valid'
    : `is ${JSON.stringify(value)}`;
}

function advice(value: unknown, row: ScalarRow): string {
  if (row.type === 'enum' && typeof value === 'string') {
    const [meant] = nearMisses(value, row.values);
    return meant === undefined ? '' : `; did you mean ${meant}?`;
  }
  const isText = row.type === 'string' || row.type === 'file';
  return isText && value !== null && typeof value !== 'string' ? '; put it in quotes' : '';
}
