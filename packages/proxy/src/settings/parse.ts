import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Checking } from './check.ts';
import { checkRecord } from './check.ts';
import { withDefaults } from './defaults.ts';
import { givenEnvironment } from './environment.ts';
import { deprecationWarnings } from './deprecation.ts';
import { errorText } from './error-text.ts';
import type { GivenRecord } from './given.ts';
import { givenObject } from './given.ts';
import type { Problem } from './problem.ts';
import type { Conflict } from './rules.ts';
import { rules } from './rules.ts';
import { SettingsError } from './settings-error.ts';
import type { GivenSettings, Settings } from './table.ts';
import { settingsTable } from './table.ts';
import { noteDeprecated } from './warnings.ts';
import { givenYaml } from './yaml.ts';

/**
 * Reads the settings file and the environment, which takes precedence. Throws a SettingsError with all problems,
 * including files in the settings that cannot be read.
 */
export function loadSettings(file: string, env: NodeJS.ProcessEnv): Settings {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new SettingsError([
      { where: file, message: `the settings file cannot be read (${errorText(error)})` },
    ]);
  }
  return parse(text, file, env, true);
}

/** As loadSettings, with the text of the file; files in the settings are not checked. */
export function parseSettings(text: string, file: string, env: NodeJS.ProcessEnv): Settings {
  return parse(text, file, env, false);
}

/**
 * Settings from values in code: checked, completed and frozen like those of a file. Problems have `where` as their
 * position.
 */
export function createSettings(values: GivenSettings, where = 'settings'): Settings {
  const checking = { folder: '.', opensFiles: false, problems: [] };
  return complete(givenObject(values, where), checking);
}

function parse(text: string, file: string, env: NodeJS.ProcessEnv, opensFiles: boolean): Settings {
  const problems: Problem[] = [];
  const { entries, ...record } = givenYaml(text, file, problems);
  const given = { ...record, entries: [...entries, ...givenEnvironment(env, problems)] };
  return complete(given, { folder: dirname(file), opensFiles, problems });
}

function complete(given: GivenRecord, checking: Checking): Settings {
  const { problems } = checking;
  const values = checkRecord(given, settingsTable, '', checking);
  const settings = deepFreeze(withDefaults(values));
  noteDeprecated(settings, deprecationWarnings(given, settingsTable));
  for (const { about, conflicts } of rules) {
    const areRight = about.every((name) => !(name in values) || values[name] !== undefined);
    for (const conflict of areRight ? conflicts(settings) : []) {
      problems.push({ where: positionOf(conflict, given), message: conflict.message });
    }
  }
  if (problems.length > 0) {
    throw new SettingsError(problems);
  }
  return settings;
}

/** The position of the effective entry: the last one, because the environment comes after the file. */
function positionOf({ setting, index }: Conflict, given: GivenRecord): string {
  const entry = given.entries.findLast(({ name }) => name === setting);
  const items = entry?.value.kind === 'list' && index !== undefined ? entry.value.items : [];
  return items[index ?? 0]?.where ?? entry?.value.where ?? given.where;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) {
      deepFreeze(part);
    }
    Object.freeze(value);
  }
  return value;
}
