import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Postgres } from '@sluice/testkit';
import type { Runtime } from '../helpers/runtime.ts';
import type { Sights } from './leases.ts';
import { Reference } from './reference.ts';
import type { SnapshotOptions } from './snapshot.ts';

/** What preload.ts is told, as JSON in its environment. */
export interface PreloadOptions {
  readonly port: number;
  readonly options: SnapshotOptions;
  readonly foretold: readonly string[];
  /** Where it writes what it has seen. */
  readonly file: string;
}

const preload = path.join(import.meta.dirname, 'preload.ts');

/** Whether the daemons of tests are looked into: `npm run test:isolation`. */
export const isWanted = process.env['SLUICE_TEST_ISOLATION'] === '1';

/** Looks into a daemon in a process of its own, from its start to its end. */
export class Looking {
  readonly #reference: Reference;
  readonly #told: PreloadOptions;

  private constructor(reference: Reference, told: PreloadOptions) {
    this.#reference = reference;
    this.#told = told;
  }

  /** Null where the database lets nobody in who could tell what a new connection is like. */
  static async begin(target: Postgres, folder: string): Promise<Looking | null> {
    const reference = await Reference.open(target, target.database).catch(() => null);
    if (reference === null) return null;
    const { options, foretold } = reference;
    const file = path.join(folder, 'leases.json');
    return new Looking(reference, { port: target.port, options, foretold, file });
  }

  /** Arguments of the runtime that the daemon is started with. */
  argumentsFor(runtime: Runtime): readonly string[] {
    return runtime === 'node' ? ['--import', preload] : ['--preload', preload];
  }

  get environment(): Readonly<Record<string, string>> {
    return { SLUICE_TEST_LOOKING: JSON.stringify(this.#told) };
  }

  /** The daemon has ended: fails when a session found on its connection what another has left. */
  async end(): Promise<void> {
    const text = await readFile(this.#told.file, 'utf8').catch(() => null);
    // A daemon that was killed tells nothing.
    if (text === null) return;
    const found = await this.#reference.judge(JSON.parse(text) as Sights);
    assert.deepEqual(found, [], 'sessions were lent connections with what others have left');
  }
}
