export { runApply } from './run-apply.ts';
export { runDestroy } from './run-destroy.ts';
export { runDrift } from './run-drift.ts';
export { runOutputs } from './run-outputs.ts';
export { runPlan } from './run-plan.ts';
export { runSynth } from './run-synth.ts';
