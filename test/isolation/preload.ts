/*
 * Loaded into a daemon before its own code: inspects every server connection when it is borrowed, and writes its
 * observations when the process ends. See `Looking` in looking.ts.
 */
import { writeFileSync } from 'node:fs';
import { Leases } from './leases.ts';
import type { PreloadOptions } from './looking.ts';

const preloadOptions = process.env['SLUICE_TEST_LOOKING'];
if (preloadOptions !== undefined) {
  const { port, options, foretold, file } = JSON.parse(preloadOptions) as PreloadOptions;
  const leases = new Leases(port, options, foretold);
  process.on('exit', () => writeFileSync(file, JSON.stringify(leases.take())));
}
