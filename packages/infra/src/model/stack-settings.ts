import type { Inputs } from '../inputs/table.ts';
import type { DeployedStack } from '../resolve/facts.ts';

/** What a stack has beside its template. A change of it alone is a deployment, too. */
export interface StackSettings {
  readonly tags: Readonly<Record<string, string>>;
  readonly terminationProtection: boolean;
  /** The topics of its events, in order. */
  readonly topics: readonly string[];
}

/** The settings that the inputs ask for. */
export function wantedSettings(
  inputs: Pick<Inputs, 'StackTags' | 'StackTopicArns' | 'TerminationProtection'>,
): StackSettings {
  return {
    tags: inputs.StackTags,
    terminationProtection: inputs.TerminationProtection,
    topics: inputs.StackTopicArns.toSorted(),
  };
}

/** The settings that a stack has. */
export function deployedSettings(stack: DeployedStack): StackSettings {
  const { tags, protected: on = false, topics = [] } = stack;
  return { tags, terminationProtection: on, topics: topics.toSorted() };
}
