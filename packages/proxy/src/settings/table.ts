import type { GivenOf, Setting, ValuesOf } from './setting.ts';
import { clientAuthentication } from './table/client-authentication.ts';
import { credentials } from './table/credentials.ts';
import { isolation } from './table/isolation.ts';
import { limits } from './table/limits.ts';
import { listening } from './table/listening.ts';
import { logging } from './table/logging.ts';
import { pools } from './table/pools.ts';
import { targets } from './table/targets.ts';
import { tls } from './table/tls.ts';

/**
 * Every setting. The type `Settings`, the JSON Schema, docs/settings.md, the names of the environment variables and the
 * checks derive from this table. Where Amazon RDS Proxy has the setting, the name, default and range are RDS Proxy's.
 */
export const settingsTable = {
  ...listening,
  ...targets,
  ...tls,
  ...credentials,
  ...clientAuthentication,
  ...pools,
  ...limits,
  ...isolation,
  ...logging,
} as const satisfies Readonly<Record<string, Setting>>;

/** The parts of the table by their headings in docs/settings.md, in the same order. */
export const settingGroups: Readonly<Record<string, Readonly<Record<string, Setting>>>> = {
  'Where the proxy listens': listening,
  'The databases': targets,
  TLS: tls,
  'Users and passwords': credentials,
  'How clients authenticate': clientAuthentication,
  'Server connections and pools': pools,
  'Limits and timeouts': limits,
  'Session state': isolation,
  'The log': logging,
};

/** The name of a setting. */
export type SettingName = keyof typeof settingsTable;

/** All settings with their values, checked and frozen. Durations are in seconds, sizes in bytes. */
export type Settings = ValuesOf<typeof settingsTable>;

/** Settings as input: those with a default are optional. */
export type GivenSettings = GivenOf<typeof settingsTable>;

/** Whether there is a setting of this name. */
export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(settingsTable, name);
}

/** The table as a list, for code that iterates over it. */
export const settings: readonly (readonly [SettingName, Setting])[] = Object.keys(settingsTable)
  .filter(isSettingName)
  .map((name) => [name, settingsTable[name]]);
