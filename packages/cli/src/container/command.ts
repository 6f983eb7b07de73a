import type { Command } from '../command.ts';

/** The command of the image. The help does not list it, because `serve` is the command for users. */
export const container: Command = {
  name: 'container',
  summary: 'run the proxy in a container, with settings and secrets from the environment',
  description:
    'Writes the secrets in environment variables to files that only it can read, then runs serve.\n' +
    'Settings come from environment variables (SLUICE_…). Secrets come from:\n' +
    '\n' +
    '  DATABASE_SECRET_ARNS        ARNs of secrets, with commas; read by the proxy itself, again after a rotation\n' +
    '  DATABASE_SECRET_0, _1, …    JSON with username and password: a user of database and proxy\n' +
    '  SETTINGS_JSON               further settings as JSON, for lists such as Auth and ClientAuth\n' +
    '  METRICS_SERVICE             the name under which CloudWatch gets metrics of the task; none when not given\n' +
    '  TLS_CERTIFICATE             the certificate that clients see, with its chain, PEM\n' +
    '  TLS_PRIVATE_KEY             its private key, PEM\n' +
    '  SLUICE_RUN_FOLDER           where the files go; /run/sluice when not given',
  hidden: true,
  options: [],
  load: () => import('./run.ts'),
};
