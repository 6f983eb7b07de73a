import type { Sources } from '../inputs/sources.ts';

/** What every command is asked with. */
export interface Request {
  readonly sources: Sources;
  /** An emulator's address; AWS itself, or AWS_ENDPOINT_URL, when not given. */
  readonly endpoint?: string;
}

/** What decides about the shape of the plan, beside the inputs. */
export interface PlanOptions {
  /** Also read the secret's value and log in to the database. */
  readonly deep: boolean;
  /** Make a new proxy when something that is fixed at creation has changed. */
  readonly replace: boolean;
  /** Take over a proxy that is there, in place of making one. @default false */
  readonly adopt?: boolean;
}
