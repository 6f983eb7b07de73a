import type { Command } from '../command.ts';
import { wholeNumber } from '../parse-option.ts';

export const up: Command = {
  name: 'up',
  summary: 'start PostgreSQL with the proxy in front of it on this machine, to try Sluice',
  description:
    'Starts PostgreSQL 18 and the proxy on this machine, and shows how to connect. ' +
    'Ctrl-C stops both and removes all files.',
  options: [
    {
      flags: '--port <number>',
      description: 'the port for clients; 0 picks a free port',
      default: 6432,
      parse: wholeNumber(0, 65_535),
    },
    {
      flags: '--admin-port <number>',
      description: 'the port for metrics and health; 0 picks a free port',
      default: 0,
      parse: wholeNumber(0, 65_535),
    },
    {
      flags: '--pool-size <number>',
      description: 'the maximum number of server connections per database and user',
      default: 10,
      parse: wholeNumber(1, 100_000),
    },
    {
      flags: '--max-connections <number>',
      description: 'max_connections of the PostgreSQL it starts (default: 100)',
      parse: wholeNumber(10, 10_000),
    },
    {
      flags: '--standbys <number>',
      description: 'also start this many standbys, for `sluice failover` (default: 0)',
      parse: wholeNumber(0, 5),
    },
    {
      flags: '--tls',
      description: 'serve clients over TLS, with a certificate created for this run',
    },
    {
      flags: '--data <dir>',
      description: 'keep the data in this directory for the next run',
    },
    {
      flags: '--target <url>',
      description: 'use this database instead of starting one: postgres://user:password@host/name',
    },
    {
      flags: '--json',
      description: 'print events only, one JSON object per line: first ready, last stopped',
    },
  ],
  examples: [
    { line: 'sluice up', does: 'Clients connect to port 6432.' },
    {
      line: 'sluice up --standbys 1',
      does: 'A primary and a standby; `sluice failover` in another terminal swaps their roles.',
    },
    {
      line: 'sluice up --target postgres://app:secret@localhost/shop --port 7000',
      does: 'Puts the proxy in front of the database shop.',
    },
  ],
  load: () => import('./run.ts'),
};
