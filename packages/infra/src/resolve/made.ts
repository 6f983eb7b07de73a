import { record } from '../values.ts';
import { found, type Facts } from './facts.ts';

/** Whether our own stack created a resource of that type with that value of a property. */
export function madeByStack(
  facts: Pick<Facts, 'stack'>,
  type: string,
  property: string,
  value: string,
): boolean {
  const resources = record(found(facts.stack)?.template['Resources']);
  return Object.values(resources)
    .map(record)
    .some((entry) => entry['Type'] === type && record(entry['Properties'])[property] === value);
}
