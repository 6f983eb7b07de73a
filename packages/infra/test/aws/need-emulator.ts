/** Says what to install, and ends with 1, when the tests on the emulator cannot run. */
import { withoutEmulator } from './emulator.ts';

if (withoutEmulator !== false) {
  process.stderr.write(`error: ${withoutEmulator}\n`);
  process.exitCode = 1;
}
