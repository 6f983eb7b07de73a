import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { root } from '../../scripts/package/workspace.ts';
import { endWell, lineOf } from './daemon.ts';
import { EmptyFolder } from './empty-folder.ts';
import { nodeRuntime, nodeVersions } from './runtimes.ts';

/** The README's first commands in a fresh clone, on the oldest Node.js that supports them. */
suite('the first commands in a fresh clone', () => {
  let clone: EmptyFolder;
  let node: string;
  let install: readonly string[];
  let start: readonly string[];

  before(async () => {
    const readme = await readFile(path.join(root, 'README.md'), 'utf8');
    const [, commands = ''] = /## Try it\n[^`]*```\n(.+?)```/s.exec(readme) ?? [];
    const words = commands
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' '));
    assert.equal(words.length, 2, commands);
    [install = [], start = []] = words;

    node = path.dirname((await nodeRuntime(nodeVersions[1])).program);
    clone = await EmptyFolder.make();
    const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' });
    for (const file of files.split('\0').filter(Boolean)) {
      await mkdir(path.dirname(path.join(clone.path, file)), { recursive: true });
      await copyFile(path.join(root, file), path.join(clone.path, file));
    }
    const [program = '', ...args] = install;
    const { code, stdout, stderr } = await clone.run(program, args, node);
    assert.equal(code, 0, stdout + stderr);
  });

  after(() => clone.remove());

  test('installs what it needs, without development tools', (t: TestContext) => {
    t.diagnostic(`installed: ${clone.megabytes.toFixed(1)} MB`);
    assert.ok(clone.megabytes < 150, `${clone.megabytes} MB`);
  });

  test('starts PostgreSQL and the proxy, reports it, and leaves nothing', async () => {
    const [program = '', ...args] = start;
    const up = clone.start(program, [...args, '--', '--port', '0'], node);
    await lineOf(
      up.stdout,
      /^Sluice is ready at 127\.0\.0\.1:\d+, on Node\.js 2\d\.\d+\.\d+\. Many clients share at most 10/,
    );
    await endWell(up, 'SIGINT');
  });

  test('names the command that installs what was omitted', async () => {
    const plan = await clone.run('npx', ['sluice', 'aws', 'plan', '--inputs', 'x'], node);
    assert.equal(plan.code, 1);
    assert.equal(
      plan.stderr,
      'error: the package @sluice/infra is not installed. It contains the infrastructure code. ' +
        'Install everything in this clone with:\n\n  npm ci\n',
    );
    const onBun = await clone.run('sh', ['-c', 'SLUICE_RUNTIME=bun npx sluice up'], node);
    assert.equal(onBun.code, 1);
    assert.match(onBun.stderr, /Bun is not there; install it with: npm ci\n$/);
  });
});
