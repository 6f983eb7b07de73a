export { runApply } from './run-apply.ts';
export { runAdopt } from './run-adopt.ts';
export { runCheck } from './run-check.ts';
export { runDestroy } from './run-destroy.ts';
export { runDrift } from './run-drift.ts';
export { runOutputs } from './run-outputs.ts';
export { runPlan } from './run-plan.ts';
