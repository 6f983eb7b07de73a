import type { Inputs } from '../inputs/table.ts';
import type { DeployedStack } from '../resolve/facts.ts';

/** What a stack has beside its template. A change of it alone is a deployment, too. */
export interface StackSettings {
  readonly tags: Readonly<Record<string, string>>;
  readonly terminationProtection: boolean;
}

/** The settings that the inputs ask for. */
export function wantedSettings(
  inputs: Pick<Inputs, 'StackTags' | 'TerminationProtection'>,
): StackSettings {
  return { tags: inputs.StackTags, terminationProtection: inputs.TerminationProtection };
}

/** The settings that a stack has. */
export function deployedSettings({ tags, protected: on = false }: DeployedStack): StackSettings {
  return { tags, terminationProtection: on };
}
