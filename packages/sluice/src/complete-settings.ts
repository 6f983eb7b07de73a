import { createSettings } from '@sluice/proxy/settings';
import type { Settings } from '@sluice/proxy/settings';
import type { ProxySettings } from './proxy-settings.ts';

/**
 * Checks settings and adds defaults for those that are omitted.
 *
 * @throws SettingsError with every problem.
 */
export function completeSettings(settings: ProxySettings): Settings {
  return createSettings(settings);
}
