import { registerHooks } from 'node:module';
import { mock } from 'node:test';
import fc from 'fast-check';
import { toClient, toServer } from '../src/io/write-buffer.ts';

/*
 * StrykerJS inserts one fault after another in one process, and makes Mocha run the tests that reach it. The tests are
 * written for node:test, which runs once per process; this module replaces node:test.
 */

type Hook = (run: () => unknown) => void;

/** The globals that Mocha defines before it loads a file. */
interface Mocha {
  readonly describe: (name: string, define: () => void) => void;
  readonly it: (name: string, run: () => unknown) => void;
  readonly before: Hook;
  readonly after: Hook;
  readonly beforeEach: Hook;
  readonly afterEach: Hook;
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Mocha has defined these globals
const mocha = globalThis as unknown as Mocha;

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'node:test'
      ? { url: import.meta.url, shortCircuit: true }
      : next(specifier, context),
});

export const suite: Mocha['describe'] = (name, define) => mocha.describe(name, define);
/** What the current test has to do at its end. */
const ends: (() => unknown)[] = [];
const context = { mock, after: (end: () => unknown): void => void ends.push(end) };

export const test = (name: string, run: (t: typeof context) => unknown): void =>
  mocha.it(name, () => run(context));
export const before: Hook = (run) => mocha.before(() => run());
export const after: Hook = (run) => mocha.after(() => run());
export const beforeEach: Hook = (run) => mocha.beforeEach(() => run());
export const afterEach: Hook = (run) => mocha.afterEach(() => run());

// The detection of a fault must not depend on chance; shrinking is unnecessary.
fc.configureGlobal({ seed: 20261125, endOnFailure: true });

/** A failed test must not affect the next fault: its cleanup runs, and its tests are dropped. */
export const mochaHooks = {
  async afterEach(): Promise<void> {
    for (let turn = 0; turn < 3; turn++)
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    for (const end of ends.splice(0)) await end();
    mock.reset();
    toClient.clear();
    toServer.clear();
  },
};
