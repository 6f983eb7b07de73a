import { loadSettings as load } from '@sluice/proxy/settings';
import type { ProxySettings } from './proxy-settings.ts';

/**
 * Reads a settings file (YAML), as `sluice serve` does. Environment variables (`SLUICE_…`) take precedence over the
 * file.
 *
 * @param file - the path of the file; relative paths in it are relative to its folder.
 * @param environment - the variables, for example `process.env`. Default: none.
 * @throws {@link SettingsError} with every problem at once.
 */
export function loadSettings(
  file: string,
  environment: Readonly<Record<string, string | undefined>> = {},
): ProxySettings {
  return load(file, environment);
}
