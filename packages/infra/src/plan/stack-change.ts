import { deployedSettings, type StackSettings } from '../model/stack-settings.ts';
import { isBuilt } from '../resolve/deployed.ts';
import type { DeployedStack } from '../resolve/facts.ts';
import { stableJson } from '../values.ts';
import type { Change } from './changes.ts';

const stackType = 'AWS::CloudFormation::Stack';

/** The settings by their names in CloudFormation. */
function named(settings: StackSettings): Readonly<Record<string, unknown>> {
  const { tags, terminationProtection, topics } = settings;
  return { Tags: tags, TerminationProtection: terminationProtection, NotificationARNs: topics };
}

/** The changes of the stack itself, which templates do not show. A new stack is created with its settings. */
export function stackChanges(
  deployed: DeployedStack | undefined,
  wanted: StackSettings | undefined,
): Change[] {
  if (deployed === undefined || wanted === undefined || !isBuilt(deployed.status)) {
    return [];
  }
  const before = named(deployedSettings(deployed));
  const properties = Object.entries(named(wanted))
    .filter(([name, to]) => stableJson(before[name]) !== stableJson(to))
    .map(([name, to]) => ({ name, from: before[name], to }));
  const { name } = deployed;
  return properties.length === 0
    ? []
    : [{ action: 'change', id: name, type: stackType, name, properties }];
}
