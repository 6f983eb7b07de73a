import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Postgres } from '@sluice/testkit';
import type { Runtime } from '../helpers/runtime.ts';
import type { Sights } from './leases.ts';
import { Reference } from './reference.ts';
import type { SnapshotOptions } from './snapshot.ts';

/** The input of preload.ts, as JSON in its environment. */
export interface PreloadOptions {
  readonly port: number;
  readonly options: SnapshotOptions;
  readonly foretold: readonly string[];
  /** The file for its observations. */
  readonly file: string;
}

const preload = path.join(import.meta.dirname, 'preload.ts');

/** Whether to inspect the daemons of tests: `npm run test:isolation`. */
export const isWanted = process.env['SLUICE_TEST_ISOLATION'] === '1';

/** Inspects a daemon in a separate process, from its start to its end. */
export class Looking {
  readonly #reference: Reference;
  readonly #preloadOptions: PreloadOptions;

  private constructor(reference: Reference, preloadOptions: PreloadOptions) {
    this.#reference = reference;
    this.#preloadOptions = preloadOptions;
  }

  /** Null if the database does not admit the user that would describe new connections. */
  static async begin(target: Postgres, folder: string): Promise<Looking | null> {
    const reference = await Reference.open(target, target.database).catch(() => null);
    if (reference === null) return null;
    const { options, foretold } = reference;
    const file = path.join(folder, 'leases.json');
    return new Looking(reference, { port: target.port, options, foretold, file });
  }

  /** Arguments of the daemon's runtime. */
  argumentsFor(runtime: Runtime): readonly string[] {
    return runtime === 'node' ? ['--import', preload] : ['--preload', preload];
  }

  get environment(): Readonly<Record<string, string>> {
    return { SLUICE_TEST_LOOKING: JSON.stringify(this.#preloadOptions) };
  }

  /** After the end of the daemon: fails if a session found state of another session on its connection. */
  async end(): Promise<void> {
    const text = await readFile(this.#preloadOptions.file, 'utf8').catch(() => null);
    // A daemon that was killed wrote nothing.
    if (text === null) return;
    const found = await this.#reference.judge(JSON.parse(text) as Sights);
    assert.deepEqual(found, [], 'sessions were lent connections with what others have left');
  }
}
