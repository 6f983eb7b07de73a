import type { GivenEntry } from './given.ts';
import { nearMisses } from '../near-miss.ts';
import type { Problem } from './problem.ts';
import type { Setting } from './setting.ts';
import { settings } from './table.ts';

/**
 * The environment variable of a setting: `SLUICE_` and the name in upper case with `_`, for example `SLUICE_POOL_SIZE`.
 */
export function environmentName(setting: string): string {
  return `SLUICE_${setting.replaceAll(/([a-z0-9])(?=[A-Z])|([A-Z])(?=[A-Z][a-z])/g, '$1$2_').toUpperCase()}`;
}

const settingByVariable: ReadonlyMap<string, readonly [string, Setting]> = new Map(
  settings
    .filter(([, row]) => row.type !== 'list')
    .map(([name, row]) => [environmentName(name), [name, row]]),
);

/**
 * The settings in environment variables. An unknown `SLUICE_` variable is a problem only if it looks like a typo:
 * Kubernetes, for example, sets `SLUICE_SERVICE_HOST` in every container for a service named sluice.
 */
export function givenEnvironment(env: NodeJS.ProcessEnv, problems: Problem[]): GivenEntry[] {
  const entries: GivenEntry[] = [];
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith('SLUICE_') || text === undefined) {
      continue;
    }
    const setting = settingByVariable.get(variable);
    if (setting !== undefined) {
      const [name, row] = setting;
      const value = { kind: 'scalar', where: variable, value: scalar(text, row) } as const;
      entries.push({ name, where: variable, value });
      continue;
    }
    const [meant] = nearMisses(variable, settingByVariable.keys(), 2);
    if (meant !== undefined) {
      problems.push({ where: variable, message: `no such setting; did you mean ${meant}?` });
    }
  }
  return entries;
}

/** Environment variables are text: what YAML would parse as a number or a boolean is converted. */
function scalar(text: string, { type }: Setting): unknown {
  switch (type) {
    case 'integer':
    case 'duration':
    case 'bytes':
      return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    default:
      return text;
  }
}
