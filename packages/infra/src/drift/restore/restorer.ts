import type { Question } from '../live.ts';

/** What a restorer gets: the resource as it was applied, and which of its properties differ. */
export interface Restoration extends Question {
  readonly properties: ReadonlySet<string>;
}

/** How drift of one resource type is reverted, with AWS API calls: CloudFormation does not see drift. */
export interface Restorer {
  /** Properties that no call can set back, each with the reason. */
  readonly fixed?: Readonly<Record<string, string>>;
  /** Sets the drifted properties to what was applied. */
  readonly set: (restoration: Restoration) => Promise<void>;
  /** Creates a missing resource again, with the id that CloudFormation knows; or the reason why that is impossible. */
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
