export { describeMachine } from './machine.ts';
export type { Machine } from './machine.ts';
export { cpuMicros, residentBytes } from './process-cost.ts';
