import type { Sources } from '../inputs/sources.ts';

/** The options of every command. */
export interface Request {
  readonly sources: Sources;
  /** The address of an emulator. @default - AWS_ENDPOINT_URL, or AWS itself */
  readonly endpoint?: string;
}

/** The options that determine the plan, in addition to the inputs. */
export interface PlanOptions {
  /** Also read the secret's value and log in to the database. */
  readonly deep: boolean;
  /** Replace the proxy if a property that is fixed at creation has changed. */
  readonly replace: boolean;
  /** Adopt an existing proxy instead of creating one. @default false */
  readonly adopt?: boolean;
}
