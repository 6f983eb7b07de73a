/**
 * Ensures that there is a Chromium for the tests of the report: in CHROMIUM, on the PATH, or installed now with apt-get
 * if this runs as root on Debian. Otherwise it prints that there is none, which is a failure in CI.
 */
import { execFileSync } from 'node:child_process';
import { findBrowser } from './find-browser.ts';

if (findBrowser() === undefined && process.getuid?.() === 0) {
  try {
    console.log('Installing Chromium for the tests of the report…');
    const options = {
      stdio: 'inherit',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    } as const;
    execFileSync('apt-get', ['update', '-qq'], options);
    execFileSync(
      'apt-get',
      ['install', '-y', '-qq', '--no-install-recommends', 'chromium', 'fonts-dejavu-core'],
      options,
    );
  } catch (error) {
    console.log(`Chromium could not be installed: ${String(error)}`);
  }
}
if (findBrowser() === undefined) {
  console.log(
    'There is no Chromium: the report was not looked at in a browser. Install it (apt-get install chromium), or name it in CHROMIUM.',
  );
  process.exitCode = process.env['CI'] === undefined ? 0 : 1;
}
