import { isDeepStrictEqual } from 'node:util';
import type { SettingName, Settings } from './table.ts';
import { settings } from './table.ts';

/** The names of the settings whose values differ, and which of them need a restart. */
export function diffSettings(
  before: Settings,
  after: Settings,
): { readonly changed: readonly SettingName[]; readonly notReloadable: readonly SettingName[] } {
  const differing = settings.filter(([name]) => !isDeepStrictEqual(before[name], after[name]));
  return {
    changed: differing.map(([name]) => name),
    notReloadable: differing.filter(([, row]) => !row.reloadable).map(([name]) => name),
  };
}
