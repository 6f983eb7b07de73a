import { checkConfig } from './check-config/command.ts';
import type { Command } from './command.ts';
import { infrastructure } from './infrastructure/commands.ts';
import { container } from './container/command.ts';
import { failover } from './failover/command.ts';
import { health } from './health/command.ts';
import { plannedWork } from './planned-work/commands.ts';
import { prove } from './prove/command.ts';
import { serve } from './serve/command.ts';
import { status } from './status/command.ts';
import { up } from './up/command.ts';

/** Related commands: one heading of `sluice --help`. */
export interface CommandGroup {
  readonly title: string;
  /** The word before each of them, as in `sluice aws plan`. They also work without the word. */
  readonly namespace?: { readonly name: string; readonly summary: string };
  readonly commands: readonly Command[];
}

/** Every command of `sluice`, in the order of the help. */
export const commandGroups: readonly CommandGroup[] = [
  { title: 'Try it on this machine:', commands: [up, failover] },
  { title: 'Measure it:', commands: [prove] },
  { title: 'Run it:', commands: [serve, checkConfig, status, health, ...plannedWork, container] },
  {
    title: 'Put it in front of a database in AWS:',
    namespace: {
      name: 'aws',
      summary: 'Amazon RDS Proxy, or Sluice on ECS, in front of an existing RDS PostgreSQL',
    },
    commands: infrastructure,
  },
];
