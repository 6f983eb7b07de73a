import { checkConfig } from './check-config/command.ts';
import type { Command } from './command.ts';
import { infrastructure } from './infrastructure/commands.ts';
import { failover } from './failover/command.ts';
import { plannedWork } from './planned-work/commands.ts';
import { serve } from './serve/command.ts';
import { up } from './up/command.ts';

/** Every command of `sluice`, in the order in which the help lists them. */
export const commands: readonly Command[] = [
  up,
  failover,
  serve,
  ...plannedWork,
  checkConfig,
  ...infrastructure,
];
