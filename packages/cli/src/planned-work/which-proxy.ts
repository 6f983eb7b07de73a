import type { Option } from '../command.ts';

/** The options for an admin port with TLS: trusted authorities, and the client certificate. */
export const adminTls: readonly Option[] = [
  {
    flags: '--admin-ca <file>',
    description: 'the authority that has signed the certificate of the admin port, in PEM',
  },
  {
    flags: '--admin-cert <file>',
    description: 'a client certificate for the admin port, in PEM; with --admin-key',
  },
  { flags: '--admin-key <file>', description: 'the private key of --admin-cert, in PEM' },
];

/** The options that select the running proxy. */
export const whichProxy: readonly Option[] = [
  {
    flags: '--admin <url>',
    description:
      'the admin port of the proxy, for example http://127.0.0.1:9127, or the path of its Unix socket',
  },
  {
    flags: '-c, --config <file>',
    description:
      'or the settings file of the proxy (default: a running `sluice up`, else sluice.yaml)',
  },
  ...adminTls,
];
