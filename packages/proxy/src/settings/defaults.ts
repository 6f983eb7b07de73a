import type { SettingName, Settings } from './table.ts';
import { isSettingName, settings, settingsTable } from './table.ts';

type Table = typeof settingsTable;
type NamesWith<Property extends string> = {
  [N in SettingName]: Table[N] extends Readonly<Record<Property, unknown>> ? N : never;
}[SettingName];

/** Valid values, by the name of their setting. */
type Values = Readonly<Record<string, unknown>>;

/** The defaults that depend on other settings: one function for each row with a `defaultDoc`. */
const derivedDefaults: {
  readonly [N in NamesWith<'defaultDoc'>]: (given: Values) => Settings[N];
} = {
  TlsMode: ({ TlsCertFile }) => (TlsCertFile === undefined ? 'disable' : 'prefer'),
  MaxIdleConnectionsPercent: ({ MaxConnectionsPercent }) =>
    Math.floor(Number(MaxConnectionsPercent) / 2),
};

const fixedDefaults: Values = Object.fromEntries(
  settings.flatMap(([name, row]) => (row.default === undefined ? [] : [[name, row.default]])),
);

/**
 * Adds the defaults of missing settings. A missing required setting stays absent, despite the type: the caller has
 * recorded that as a problem.
 */
export function withDefaults(checked: Values): Settings {
  const given = Object.entries(checked).filter(([, value]) => value !== undefined);
  const values = { ...fixedDefaults, ...Object.fromEntries(given) };
  const derived = Object.entries(derivedDefaults).map(([name, derive]) => [name, derive(values)]);
  const all: Values = { ...Object.fromEntries(derived), ...values };
  if (!areSettings(all)) {
    throw new TypeError(`not all of these are settings: ${Object.keys(all).join(', ')}`);
  }
  return all;
}

/** The values were checked against the table from which the type is derived, so only their names are checked here. */
function areSettings(values: Values): values is Settings {
  return Object.keys(values).every(isSettingName);
}

/** The defaults of all settings that have one; required and optional ones are not included. */
export const defaults: Omit<Settings, NamesWith<'required'>> = Object.freeze(withDefaults({}));
