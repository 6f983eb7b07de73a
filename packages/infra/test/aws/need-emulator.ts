/** Prints what to install, and exits with 1, if the tests with the emulator cannot run. */
import { withoutEmulator } from './emulator.ts';

if (withoutEmulator !== false) {
  process.stderr.write(`error: ${withoutEmulator}\n`);
  process.exitCode = 1;
}
