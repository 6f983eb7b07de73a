/*
 * Loaded into a daemon before its own code: inspects every server connection when it is borrowed, and writes its
 * observations when the process ends. See `Looking` in looking.ts.
 */
import { writeFileSync } from 'node:fs';
import { Leases } from './leases.ts';
import type { PreloadOptions } from './looking.ts';

const told = process.env['SLUICE_TEST_LOOKING'];
if (told !== undefined) {
  const { port, options, foretold, file } = JSON.parse(told) as PreloadOptions;
  const leases = new Leases(port, options, foretold);
  process.on('exit', () => writeFileSync(file, JSON.stringify(leases.take())));
}
