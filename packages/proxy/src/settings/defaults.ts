import type { SettingName, Settings } from './table.ts';
import { isSettingName, settings, settingsTable } from './table.ts';

type Table = typeof settingsTable;
type NamesWith<Property extends string> = {
  [N in SettingName]: Table[N] extends Readonly<Record<Property, unknown>> ? N : never;
}[SettingName];

/** Values that are right, by the name of their setting. */
type Values = Readonly<Record<string, unknown>>;

/** The defaults that another setting decides: one function for each row that has a `defaultDoc`. */
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
 * Adds the default of every setting that is not given. A required setting that is not given stays absent, in spite of
 * the type: that is a problem which the caller has noted.
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

/** The values were checked against the same table that the type is made from; here only their names are left to check. */
function areSettings(values: Values): values is Settings {
  return Object.keys(values).every(isSettingName);
}

/** The default of every setting that has one; those that are required or may be absent are not in it. */
export const defaults: Omit<Settings, NamesWith<'required'>> = Object.freeze(withDefaults({}));
