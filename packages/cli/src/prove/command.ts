import { isString } from '@sluice/proxy/json';
import { loadCompanion, proveCompanion } from '../companion.ts';
import type { Command } from '../command.ts';
import type { ProveModule } from './prove-module.ts';
import { UsageError } from '../command.ts';
import { wholeNumber } from '../parse-option.ts';

/** Collects the values of a repeatable option. */
function collect(text: string, previous: unknown): string[] {
  return [...(Array.isArray(previous) ? previous.filter(isString) : []), text];
}

const claims = ['scalability', 'performance', 'availability', 'pinning'];

function claimList(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !claims.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`"${unknown}" is not a claim; the claims are ${claims.join(', ')}.`);
  }
  return names;
}

export const prove: Command = {
  name: 'prove',
  summary:
    'measure the effect of a proxy on your application: scalability, performance, availability, pinning',
  description:
    'Compares paths to a PostgreSQL database: direct, through Sluice, Amazon RDS Proxy, PgBouncer, or another proxy. ' +
    'Without a URL, it starts PostgreSQL, a standby and Sluice on this machine, and tests the claims on them.\n' +
    '\n' +
    'It writes report.html and report.json; `sluice prove compare A.json B.json` shows what changed between two runs.',
  arguments: [
    { name: '[compare]', description: 'compare two reports instead of measuring' },
    { name: '[before]', description: 'the earlier report.json' },
    { name: '[after]', description: 'the later report.json' },
  ],
  options: [
    {
      flags: '--direct <url>',
      description: 'the database itself: postgres://user:password@host/database',
    },
    {
      flags: '--through <[name=]url>',
      description: 'the same database through a proxy; can be repeated',
      parse: collect,
    },
    {
      flags: '--workload <file>',
      description:
        'the workload: web, serverless, pgbench, orm, or a YAML file (default: web; orm for pinning)',
    },
    {
      flags: '--only <claims>',
      description: 'any of scalability,performance,availability,pinning (default: all)',
      parse: claimList,
    },
    {
      flags: '--trace <file>',
      description:
        'for pinning: the statements of your application, as a log of RDS Proxy or PostgreSQL, or `pg_stat_statements`',
    },
    { flags: '--out <dir>', description: 'the directory for the reports', default: 'sluice-prove' },
    {
      flags: '--json',
      description: 'print report.json instead of the summary',
    },
    { flags: '--yes', description: 'do not ask before touching a database' },
    {
      flags: '--max-clients <number>',
      description:
        'never connect more clients than this per path (default: 100; 1000 in the test cluster)',
      parse: wholeNumber(2, 20_000),
    },
    {
      flags: '--max-rate <number>',
      description:
        'never run more transactions per second than this (default: 200; 1600 in the test cluster)',
      parse: wholeNumber(1, 100_000),
    },
    {
      flags: '--rates <list>',
      description:
        'rates of the steady load, as 100,200 (default: an eighth, a quarter, half and all of --max-rate)',
      parse: (text) => {
        const rates = text.split(',').map(Number);
        if (!rates.every((rate) => rate >= 1 && rate <= 100_000))
          throw new UsageError('It must be whole numbers of at least 1, as in 100,200.');
        return rates;
      },
    },
    {
      flags: '--rounds <number>',
      description: 'the number of rounds per path',
      default: 5,
      parse: wholeNumber(1, 100),
    },
    {
      flags: '--seconds <number>',
      description: 'the duration of each round (default: 3; 1.5 in the test cluster)',
      parse: (text) => {
        const value = Number(text);
        if (!(value >= 0.5 && value <= 600)) throw new UsageError('It must be from 0.5 to 600.');
        return value;
      },
    },
    {
      flags: '--schema <name>',
      description: 'the schema it creates, and drops at the end',
      default: 'sluice_prove',
      parse: (text) => {
        if (!/^[a-z_][a-z0-9_]{0,62}$/.test(text))
          throw new UsageError('It must be lower-case letters, digits and underscores.');
        return text;
      },
    },
    {
      flags: '--failover-command <command>',
      description: 'a shell command that makes the database fail over',
    },
    {
      flags: '--failover-by-hand',
      description: 'you start the failover yourself, and press Enter when you do',
    },
    {
      flags: '--failover-rounds <number>',
      description: 'how many failovers (default: 1; 5 in the test cluster)',
      parse: wholeNumber(1, 100),
    },
    {
      flags: '--failover-timeout <seconds>',
      description: 'give up on a failover after this long',
      default: 300,
      parse: wholeNumber(1, 7200),
    },
    {
      flags: '--failover-settle <seconds>',
      description: 'a failover is over once all paths have worked for this long',
      default: 10,
      parse: wholeNumber(1, 600),
    },
    {
      flags: '--failover-rate <number>',
      description:
        'writes per second, and as many reads, on each path during a failover; together at most --max-rate',
      default: 200,
      parse: wholeNumber(1, 2000),
    },
    {
      flags: '--failover-kind <kind>',
      description: 'how the primary fails in the test cluster',
      default: 'kill',
      choices: ['kill', 'shutdown', 'switchover'],
    },
    {
      flags: '--threshold <percent>',
      description:
        'for compare: a value that got worse by more than this is a regression, if the difference is significant',
      default: 10,
      parse: wholeNumber(0, 1000),
    },
    {
      flags: '--relative',
      description: 'for compare: compare ratios to the direct path, for runs on different machines',
    },
  ],
  examples: [
    { line: 'sluice prove', does: 'Tests the claims on this machine, in under four minutes.' },
    {
      line: 'sluice prove --direct postgres://app:secret@db/shop --through rds=postgres://app:secret@proxy/shop',
      does: 'Measures a database and the RDS Proxy in front of it, side by side.',
    },
    {
      line: 'sluice prove --only pinning --trace postgresql.log',
      does: 'Shows what the statements in a log would do on RDS Proxy, PgBouncer and Sluice.',
    },
    {
      line: 'sluice prove compare main/report.json branch/report.json',
      does: 'Exits with 1 on a regression.',
    },
  ],
  load: async () => {
    const load = (): Promise<ProveModule> => import('@sluice/prove');
    const module = await loadCompanion(proveCompanion, '@sluice/prove', load);
    const { runWith } = await import('./run.ts');
    return { run: runWith(module) };
  },
};
