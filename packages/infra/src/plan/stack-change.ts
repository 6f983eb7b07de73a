import { deployedSettings, type StackSettings } from '../model/stack-settings.ts';
import { isBuilt } from '../resolve/deployed.ts';
import type { DeployedStack } from '../resolve/facts.ts';
import { stableJson } from '../values.ts';
import type { Change } from './changes.ts';

const stackType = 'AWS::CloudFormation::Stack';

/** The settings, by what CloudFormation calls them. */
function named(settings: StackSettings): Readonly<Record<string, unknown>> {
  const { tags, terminationProtection, topics } = settings;
  return { Tags: tags, TerminationProtection: terminationProtection, NotificationARNs: topics };
}

/** What changes of the stack itself: templates do not show it. A stack that is made has its settings from the start. */
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
