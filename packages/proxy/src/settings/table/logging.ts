import type { Setting } from '../setting.ts';
import { since } from './common.ts';

/** The log. */
export const logging = {
  LogLevel: {
    type: 'enum',
    values: ['fatal', 'error', 'warn', 'info', 'debug', 'trace'],
    default: 'info',
    reloadable: true,
    since,
    doc: 'The minimum level of the messages in the log.',
  },
  LogFormat: {
    type: 'enum',
    values: ['auto', 'json', 'pretty'],
    default: 'auto',
    reloadable: true,
    since,
    doc: '`json`: one JSON object per line. `pretty`: text for humans. `auto`: `pretty` on a terminal, `json` otherwise.',
  },
} as const satisfies Readonly<Record<string, Setting>>;
