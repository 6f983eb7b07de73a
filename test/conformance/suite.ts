import type { Address } from '../helpers/raw-client.ts';

/** The result of one part of a suite (a file, a test) in one run. */
export interface Part {
  readonly name: string;
  /** The value to compare: the output of a file, or `passed`, `failed`, `skipped`. */
  readonly result: string;
  /** Whether the suite itself accepts the result. */
  readonly passed: boolean;
  readonly seconds: number;
}

/** The database and the folder of a run. */
export interface RunPlace {
  readonly address: Address;
  /** A folder for this run, which the server's account can write to as well. */
  readonly folder: string;
  readonly only: readonly string[];
  /** A file for the output of the suite's programs, which is kept. */
  readonly log: string;
  readonly progress: (line: string) => void;
}

/** A test suite of another project. */
export interface Suite {
  readonly name: string;
  /** Checks that the source can be run, and prepares what all runs share. */
  readonly prepare: (source: string) => Promise<PreparedSuite>;
}

/** A suite that is ready for any number of runs. */
export interface PreparedSuite {
  /** The version of the suite, for the report. */
  readonly version: string;
  /** The users of the proxy beside the superuser, with its password by default; the suite creates the roles. */
  readonly users?: readonly { readonly name: string; readonly password?: string }[];
  readonly run: (place: RunPlace) => Promise<Part[]>;
}
