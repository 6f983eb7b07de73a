import type { Inputs } from '../inputs/table.ts';
import type { DeployedStack } from '../resolve/facts.ts';

/** The properties of a stack outside its template. A change of these alone is a deployment, too. */
export interface StackSettings {
  readonly tags: Readonly<Record<string, string>>;
  readonly terminationProtection: boolean;
  /** The SNS topics of its events, sorted. */
  readonly topics: readonly string[];
}

/** The settings from the inputs. */
export function wantedSettings(
  inputs: Pick<Inputs, 'StackTags' | 'StackTopicArns' | 'TerminationProtection'>,
): StackSettings {
  return {
    tags: inputs.StackTags,
    terminationProtection: inputs.TerminationProtection,
    topics: inputs.StackTopicArns.toSorted(),
  };
}

/** The settings of a deployed stack. */
export function deployedSettings(stack: DeployedStack): StackSettings {
  const { tags, protected: on = false, topics = [] } = stack;
  return { tags, terminationProtection: on, topics: topics.toSorted() };
}
