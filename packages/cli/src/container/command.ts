import type { Command } from '../command.ts';

/** The command of the image. The help does not list it, because `serve` is the command for users. */
export const container: Command = {
  name: 'container',
  summary: 'run the proxy in a container, with settings and secrets from the environment',
  description:
    'Writes the secrets in environment variables to files that only it can read, then runs serve. ' +
    'Settings come from environment variables (SLUICE_…). Secrets and other inputs come from:\n' +
    '\n' +
    '  DATABASE_SECRET_ARNS      ARNs of secrets, separated by commas; the proxy\n' +
    '                            reads them itself, and again after a rotation\n' +
    '  DATABASE_SECRET_0, _1, …  JSON with username and password, for the database\n' +
    '                            and for clients\n' +
    '  SETTINGS_JSON             more settings as JSON, for lists such as Auth\n' +
    '  METRICS_SERVICE           the name of the metrics in CloudWatch; without it,\n' +
    '                            CloudWatch gets none\n' +
    '  TLS_CERTIFICATE           the certificate chain that clients see, PEM\n' +
    '  TLS_PRIVATE_KEY           its private key, PEM\n' +
    '  SLUICE_RUN_FOLDER         the directory for the files (default: /run/sluice)',
  hidden: true,
  options: [],
  load: () => import('./run.ts'),
};
