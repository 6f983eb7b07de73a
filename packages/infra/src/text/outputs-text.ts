import type { StackOutputs } from '../synth/outputs.ts';

/** The outputs as Terraform prints them. */
export function outputsText(outputs: StackOutputs): string {
  return Object.entries(outputs)
    .map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`)
    .join('');
}
