import type { Command } from '../command.ts';

export const failover: Command = {
  name: 'failover',
  summary: 'have the database of a running `sluice up --standbys` fail over',
  description:
    'Makes the primary of a running `sluice up --standbys` fail, promotes a standby, and tells what the proxy saw.\n' +
    'Clients stay connected; watch your own application go through it. Afterwards the former primary is a standby.',
  options: [
    {
      flags: '--kind <kind>',
      description:
        'kill: every process dies; shutdown: a fast shutdown; blackhole: its network swallows everything; switchover: planned, clients are held',
      default: 'kill',
      choices: ['kill', 'shutdown', 'blackhole', 'switchover'],
    },
    { flags: '--json', description: 'write the story as JSON' },
  ],
  examples: [
    { line: 'sluice failover', does: 'Kills the primary and promotes a standby.' },
    { line: 'sluice failover --kind switchover', does: 'The same as planned work.' },
  ],
  load: () => import('./run.ts'),
};
