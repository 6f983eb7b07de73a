import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';

const root = path.resolve(import.meta.dirname, '..');

/** Runs a tool that `.ci/run` installs, or that the machine has; skips the test if there is none. */
async function scan(t: TestContext, tool: string, ...words: readonly string[]): Promise<void> {
  const own = path.join(root, '.cache/scanners/bin', tool);
  const { error, output } = await new Promise<{ error: Error | null; output: string }>(
    (resolve) => {
      execFile(existsSync(own) ? own : tool, words, { cwd: root }, (failed, stdout, stderr) =>
        resolve({ error: failed, output: stdout + stderr }),
      );
    },
  );
  if (error !== null && 'code' in error && error.code === 'ENOENT')
    return t.skip(`${tool} is not installed`);
  assert.equal(error, null, output);
}

/** Files that run elsewhere: on GitHub, in systemd, in a container engine. */
suite('scanners find nothing', () => {
  test('actionlint, in the workflows', (t) => scan(t, 'actionlint', '-no-color'));

  test('zizmor, in the workflows and the action', (t) =>
    scan(t, 'zizmor', '--offline', '--quiet', '.github', 'deploy/github-action'));

  test('hadolint, in the Dockerfile', (t) => scan(t, 'hadolint', 'Dockerfile'));

  test('systemd-analyze, in the unit', async (t) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'sluice-unit-'));
    t.after(() => rm(folder, { recursive: true }));
    const unit = path.join(folder, 'sluice.service');
    const text = await readFile(path.join(root, 'packaging/systemd/sluice.service'), 'utf8');
    // systemd-analyze checks that the program exists, which is installed where the service runs.
    await writeFile(unit, text.replaceAll('/usr/local/bin/sluice', process.execPath));
    await scan(t, 'systemd-analyze', 'verify', unit);
    // From 0, nothing exposed, to 100.
    await scan(t, 'systemd-analyze', 'security', '--offline=yes', '--threshold=20', unit);
  });
});
