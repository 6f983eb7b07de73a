import { readSettings } from '../read-settings.ts';
import { findControl } from '../up/control.ts';

/**
 * The admin port of the proxy that a command is meant for: the one that is given, or that of a settings file, or that of
 * a `sluice up` that runs. Undefined when the settings file is wrong, which has been told then.
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
  const scheme = settings.AdminTlsCertFile === undefined ? 'http' : 'https';
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${AdminPort}`;
}

/** What the admin port is to be shown: the token in SLUICE_ADMIN_TOKEN, as it comes from a secret store. */
export function adminHeaders(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const token = env['SLUICE_ADMIN_TOKEN'];
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}
