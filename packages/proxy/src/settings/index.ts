export { defaults } from './defaults.ts';
export { diffSettings } from './diff.ts';
export { createSettings, loadSettings, parseSettings } from './parse.ts';
export type { PoolSettings } from './pool-settings.ts';
export { poolSettings } from './pool-settings.ts';
export type { Problem } from './problem.ts';
export { SettingsError } from './settings-error.ts';
export type { SettingName, Settings } from './table.ts';
export { settingsWarnings } from './warnings.ts';
