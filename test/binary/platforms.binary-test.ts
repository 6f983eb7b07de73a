import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { before, suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { pageHashes } from '../../scripts/binary/sign.ts';
import { run } from '../../scripts/package/run.ts';
import { root } from '../../scripts/package/workspace.ts';

/** The start of the file of each platform: its format, and its processor. */
const beginnings: Readonly<Record<string, (file: Buffer) => boolean>> = {
  'linux-x64': (file) => isElf(file) && file.readUInt16LE(18) === 62,
  'linux-arm64': (file) => isElf(file) && file.readUInt16LE(18) === 183,
  'darwin-x64': (file) => isMachO(file) && file.readUInt32LE(4) === 0x01000007,
  'darwin-arm64': (file) => isMachO(file) && file.readUInt32LE(4) === 0x0100000c,
};

function isElf(file: Buffer): boolean {
  return file.readUInt32BE(0) === 0x7f454c46;
}

function isMachO(file: Buffer): boolean {
  return file.readUInt32LE(0) === 0xfeedfacf;
}

suite('the single files of every platform', () => {
  const fileOf = (name: string): string => path.join(root, 'dist/bin', `sluice-${name}`);

  before(() => run('node', ['scripts/binary/main.ts', '--all']));

  for (const [name, begins] of Object.entries(beginnings)) {
    test(`${name} is a program for it, and contains no folder of the build machine`, (t: TestContext) => {
      const file = readFileSync(fileOf(name));
      t.diagnostic(`${Math.round(file.length / 1e6)} MB`);
      assert.ok(begins(file));
      assert.equal(file.indexOf(root), -1);
    });
  }

  for (const name of ['darwin-x64', 'darwin-arm64']) {
    test(`the signature of ${name} covers the whole file, and is valid`, () => {
      const file = readFileSync(fileOf(name));
      const { flags, limit, hashes, end } = codeDirectory(file);
      // Ad hoc, and without the hardened runtime, which would forbid a JavaScript engine to compile.
      assert.equal(flags & 0x10002, 2);
      assert.equal(end, file.length);
      assert.ok(
        [...pageHashes(file.subarray(0, limit))].every((hash, page) =>
          hash.equals(hashes[page] ?? hash.subarray(1)),
        ),
      );
    });

    test(`codesign accepts ${name}`, { skip: !existsSync('/usr/bin/codesign') }, () => {
      execFileSync('/usr/bin/codesign', ['--verify', '--strict', fileOf(name)]);
    });
  }
});

/**
 * The code directory of a signed Mach-O program (Apple's cs_blobs.h), parsed independently of the code that writes it.
 */
function codeDirectory(file: Buffer): {
  readonly flags: number;
  /** The end of the signed part. */
  readonly limit: number;
  readonly hashes: readonly Buffer[];
  /** The end of the signature. */
  readonly end: number;
} {
  let command = 32;
  while (file.readUInt32LE(command) !== 0x1d) command += file.readUInt32LE(command + 4);
  const start = file.readUInt32LE(command + 8);
  const directory = file.subarray(start + file.readUInt32BE(start + 16));
  assert.equal(directory.readUInt32BE(0), 0xfade0c02);
  const limit = directory.readUInt32BE(32);
  assert.equal(limit, start);
  const hashes = directory.readUInt32BE(16);
  const pages = directory.readUInt32BE(28);
  return {
    flags: directory.readUInt32BE(12),
    limit,
    hashes: Array.from({ length: pages }, (_, page) =>
      directory.subarray(hashes + page * 32, hashes + (page + 1) * 32),
    ),
    end: start + file.readUInt32LE(command + 12),
  };
}
