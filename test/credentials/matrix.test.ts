import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { triesAll } from '../helpers/extent.ts';
import { checkDenials, checkWelcome } from './check-driver.ts';
import { Matrix, ways } from './matrix.ts';
import type { Way } from './matrix.ts';
import { npmDrivers } from './npm-drivers.ts';

/** The denials are the same with every path, so each driver tries those of one path. */
const denialsBy: readonly Way[] = ['tls', 'plain', 'iam'];

for (const runtime of ['node', 'bun'] as const) {
  suite(`method of the client × TLS × method of the database, on ${runtime}`, () => {
    let matrix: Matrix;
    before(async () => {
      matrix = await Matrix.start(runtime);
    });
    after(() => matrix.stop());

    // The differences between drivers do not depend on the runtime of the proxy.
    for (const [at, driver] of npmDrivers.slice(0, runtime === 'bun' ? 1 : undefined).entries()) {
      // Nor do they depend on how the proxy logs in at the database: the first driver tries all pairs.
      const isSample = !triesAll && (runtime === 'bun' || at > 0);
      for (const way of Object.keys(ways) as Way[])
        test(`${driver.name}, ${way}: valid credentials are accepted`, () =>
          checkWelcome(matrix, way, driver, isSample));
      const way = denialsBy[at];
      test(`${driver.name}, ${way}: invalid ones are refused, and only the log says why`, async () => {
        assert(way);
        await checkDenials(matrix, way, driver);
      });
    }
  });
}
