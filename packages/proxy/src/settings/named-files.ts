import type { ListRow, ScalarRow } from './setting.ts';
import type { Settings } from './table.ts';
import { settings as rows } from './table.ts';

/** The files in the settings: certificates, keys, passwords. Their content is part of the settings. */
export function namedFiles(settings: Settings): readonly string[] {
  return rows.flatMap(([name, row]) => filesIn(settings[name], row));
}

function filesIn(value: unknown, row: ScalarRow | ListRow): readonly string[] {
  if (row.type === 'file' && typeof value === 'string') {
    return [value];
  }
  if (row.type !== 'list' || !Array.isArray(value)) {
    return [];
  }
  return value.flatMap((record: Readonly<Record<string, unknown>>) =>
    Object.entries(row.fields).flatMap(([field, fieldRow]) => filesIn(record[field], fieldRow)),
  );
}
