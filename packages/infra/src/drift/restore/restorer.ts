import type { Question } from '../live.ts';

/** What a restorer is asked: the resource as it was applied, and which of its properties are not as they were. */
export interface Restoration extends Question {
  readonly properties: ReadonlySet<string>;
}

/** How drift of one type of resource is taken back, by AWS's own calls: CloudFormation does not see it. */
export interface Restorer {
  /** Properties that no call can set back, each with the reason. */
  readonly fixed?: Readonly<Record<string, string>>;
  /** Sets the drifted properties to what was applied. */
  readonly set: (restoration: Restoration) => Promise<void>;
  /** Makes the resource again when it is gone, under the id that CloudFormation knows; or the reason why that is impossible. */
  readonly make: ((restoration: Restoration) => Promise<void>) | string;
}

/** Runs each step whose property has drifted. */
export async function steps(
  { properties }: Restoration,
  table: Readonly<Record<string, () => Promise<unknown>>>,
): Promise<void> {
  for (const [property, step] of Object.entries(table)) {
    if (properties.has(property)) {
      await step();
    }
  }
}
