import type { ListRow, ScalarRow } from './setting.ts';
import { settings } from './table.ts';

/** The JSON Schema (2020-12) of the settings file, for editors that complete and validate YAML. */
export function settingsSchema(): object {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Settings of Sluice',
    ...recordSchema(Object.fromEntries(settings)),
  };
}

function recordSchema(rows: Readonly<Record<string, ScalarRow | ListRow>>): object {
  const entries = Object.entries(rows);
  return {
    type: 'object',
    additionalProperties: false,
    required: entries.filter(([, row]) => row.required === true).map(([name]) => name),
    properties: Object.fromEntries(entries.map(([name, row]) => [name, rowSchema(row)])),
  };
}

function rowSchema(row: ScalarRow | ListRow): object {
  return {
    description: row.doc,
    ...('deprecated' in row && row.deprecated !== undefined ? { deprecated: true } : {}),
    ...(row.default === undefined ? {} : { default: row.default }),
    ...valueSchema(row),
  };
}

function valueSchema(row: ScalarRow | ListRow): object {
  switch (row.type) {
    case 'integer':
    case 'bytes':
      return { type: 'integer', minimum: row.min, maximum: row.max };
    case 'duration':
      return { type: 'number', minimum: row.min, maximum: row.max };
    case 'boolean':
      return { type: 'boolean' };
    case 'enum':
      return { enum: row.values };
    case 'string':
      return {
        type: 'string',
        ...(row.pattern === undefined ? {} : { pattern: row.pattern.regexp.source }),
      };
    case 'file':
      return { type: 'string', minLength: 1 };
    default:
      return { type: 'array', items: recordSchema(row.fields) };
  }
}
