/**
 * The container's entry point: turns the secrets that the platform injects as environment variables into the files that
 * the daemon takes, then becomes the daemon. Settings come as SLUICE_… variables.
 *
 * | variable                    | what it holds                                                          |
 * | --------------------------- | ---------------------------------------------------------------------- |
 * | DATABASE_SECRET_ARNS        | ARNs of secrets, with commas; the daemon reads them itself, and again after a rotation |
 * | DATABASE_SECRET_0, _1, …    | JSON with username and password: a user of database and proxy          |
 * | TLS_CERTIFICATE             | the certificate that clients see, with its chain, PEM                  |
 * | TLS_PRIVATE_KEY             | its private key, PEM                                                   |
 * | SLUICE_RUN_FOLDER           | where the files go; /run/sluice when not given                         |
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

const folder = process.env['SLUICE_RUN_FOLDER'] ?? '/run/sluice';
delete process.env['SLUICE_RUN_FOLDER'];

/** Takes a variable out of the environment, so that no child process and no crash report has it. */
function take(name: string): string | undefined {
  const value = process.env[name];
  delete process.env[name];
  return value;
}

function keep(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

interface User {
  readonly UserName: string;
  readonly Password: string;
}

function userOf(variable: string): User {
  const secret: unknown = JSON.parse(take(variable) ?? '{}');
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
  process.stderr.write(`error: ${variable} must be JSON with username and password\n`);
  return process.exit(1);
}

mkdirSync(folder, { recursive: true, mode: 0o700 });
const users = Object.keys(process.env)
  .filter((name) => /^DATABASE_SECRET_\d+$/.test(name))
  .sort()
  .map(userOf);
const arns = (take('DATABASE_SECRET_ARNS') ?? '').split(',').filter((arn) => arn !== '');
// JSON is YAML, so nothing in a password can be taken for syntax.
const config = keep(
  'sluice.yaml',
  JSON.stringify({
    ...(users.length === 0 ? {} : { Users: users }),
    ...(arns.length === 0 ? {} : { Auth: arns.map((SecretArn) => ({ SecretArn })) }),
  }),
);

const certificate = take('TLS_CERTIFICATE');
const key = take('TLS_PRIVATE_KEY');
if (certificate !== undefined && key !== undefined) {
  process.env['SLUICE_TLS_CERT_FILE'] = keep('tls.crt', certificate);
  process.env['SLUICE_TLS_KEY_FILE'] = keep('tls.key', key);
}

const { main } = await import('../packages/cli/src/main.ts');
process.exitCode = await main(['serve', '--config', config], process);
