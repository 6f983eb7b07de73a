import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { checkDenials, checkWelcome } from './check-driver.ts';
import { Matrix, ways } from './matrix.ts';
import type { Way } from './matrix.ts';
import { toolchainDrivers } from './toolchain-drivers.ts';

/** The denials are the same with every path, so each driver tries those of one path. */
const denialsBy = Object.keys(ways) as Way[];

suite('drivers of other languages × TLS × method of the database', () => {
  let matrix: Matrix;
  before(async () => {
    matrix = await Matrix.start();
  });
  after(() => matrix.stop());

  for (const [at, toolchain] of toolchainDrivers.entries())
    test(toolchain.name, async (t) => {
      const driver = await toolchain.prepare();
      if (typeof driver === 'string') {
        t.skip(driver);
        return;
      }
      t.after(() => driver.stop());
      for (const way of denialsBy)
        await t.test(`${way}: valid credentials are accepted`, () =>
          checkWelcome(matrix, way, driver),
        );
      const way = denialsBy[at];
      assert(way);
      await t.test(`${way}: invalid ones are refused, and only the log says why`, () =>
        checkDenials(matrix, way, driver),
      );
    });
});
