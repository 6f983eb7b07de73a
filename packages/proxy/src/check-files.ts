import { readAdminTls } from './admin/admin-tls.ts';
import { AdminAccess } from './admin/admin-access.ts';
import { AuthRules } from './authentication/auth-rules.ts';
import { dialOptions } from './backend/dial.ts';
import { Credentials } from './credentials/credentials.ts';
import { messageOf } from './error-message.ts';
import { serverTls } from './frontend/server-tls-options.ts';
import type { Settings } from './settings/index.ts';

/** What is in the files that settings name. */
export interface FileCheck {
  /** One sentence for each file, or rule, with which the proxy would not start. */
  readonly problems: readonly string[];
  /** One sentence for each line that the proxy ignores, or that is probably unintended. */
  readonly warnings: readonly string[];
}

/** Reads the files that the settings name, as `startProxy` does. Connects to nothing. */
export async function checkFiles(settings: Settings): Promise<FileCheck> {
  const problems: string[] = [];
  let warnings: readonly string[] = [];
  let wantsCertificates = false;
  const checks: readonly (() => unknown)[] = [
    () => Credentials.load(settings),
    () => {
      const rules = new AuthRules(settings);
      ({ warnings, wantsCertificates } = rules);
    },
    () => serverTls(settings, wantsCertificates),
    () => dialOptions(settings),
    () => new AdminAccess(settings),
    () => readAdminTls(settings),
  ];
  for (const check of checks)
    try {
      await check();
    } catch (error) {
      problems.push(messageOf(error));
    }
  return { problems, warnings };
}
