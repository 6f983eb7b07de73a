import type { Address } from '../helpers/raw-client.ts';

/** What became of one part of a suite (a file, a test) in one run. */
export interface Part {
  readonly name: string;
  /** What is compared: the output of a file, or `passed`, `failed`, `skipped`. */
  readonly result: string;
  /** Whether the suite itself is content. */
  readonly passed: boolean;
  readonly seconds: number;
}

/** Where a run finds the database, and where it may write. */
export interface RunPlace {
  readonly address: Address;
  /** A folder of the run's own, which the server's account can write to as well. */
  readonly folder: string;
  readonly only: readonly string[];
  /** A file that is kept, for what the suite's programs write. */
  readonly log: string;
  readonly progress: (line: string) => void;
}

/** A suite of tests that others have written. */
export interface Suite {
  readonly name: string;
  /** Finds out whether the source can be run, and prepares what all runs share. */
  readonly prepare: (source: string) => Promise<PreparedSuite>;
}

/** A suite that is ready to be run any number of times. */
export interface PreparedSuite {
  /** The version of the suite, for the record. */
  readonly version: string;
  /** Who logs in to the proxy beside the superuser, with its password by default; the suite makes the roles. */
  readonly users?: readonly { readonly name: string; readonly password?: string }[];
  readonly run: (place: RunPlace) => Promise<Part[]>;
}
