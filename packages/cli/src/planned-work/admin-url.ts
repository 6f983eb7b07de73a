import { readSettings } from '../read-settings.ts';
import { findControl } from '../up/control.ts';

/**
 * The admin port of the proxy that a command is meant for: the one that is given, or that of a settings file, or that of
 * a `sluice up --standbys` that runs. Undefined when the settings file is wrong, which has been told then.
 */
export function adminUrl(
  options: Readonly<Record<string, unknown>>,
  stderr: NodeJS.WritableStream,
): string | undefined {
  const { admin, config } = options;
  if (typeof admin === 'string') return admin.replace(/\/$/, '');
  if (config === undefined) {
    const control = findControl();
    if (control !== undefined) return control.admin;
  }
  const settings = readSettings(typeof config === 'string' ? config : 'sluice.yaml', stderr);
  if (settings === undefined) return undefined;
  const { AdminHost, AdminPort } = settings;
  // What listens everywhere listens here, too.
  const host = AdminHost === '0.0.0.0' || AdminHost === '::' ? '127.0.0.1' : AdminHost;
  return `http://${host.includes(':') ? `[${host}]` : host}:${AdminPort}`;
}
