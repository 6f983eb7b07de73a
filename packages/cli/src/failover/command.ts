import type { Command } from '../command.ts';

export const failover: Command = {
  name: 'failover',
  summary: 'make the database of a running `sluice up --standbys` fail over',
  description:
    'Makes the primary of a running `sluice up --standbys` fail, promotes a standby, and reports what the proxy saw. ' +
    'Clients stay connected: watch how your own application takes it. Afterwards, the old primary is a standby.',
  options: [
    {
      flags: '--kind <kind>',
      description:
        'kill: all its processes die; shutdown: a fast shutdown; blackhole: its network drops every packet; switchover: planned, clients wait',
      default: 'kill',
      choices: ['kill', 'shutdown', 'blackhole', 'switchover'],
    },
    { flags: '--json', description: 'print the timeline as JSON' },
  ],
  examples: [
    { line: 'sluice failover', does: 'Kills the primary and promotes a standby.' },
    { line: 'sluice failover --kind switchover', does: 'Swaps the roles in a planned switchover.' },
  ],
  load: () => import('./run.ts'),
};
