import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';

const root = join(import.meta.dirname, '../../../..');

/** The files with texts for users about the commands. */
const places = ['packages/infra/src', 'packages/cli/src/infrastructure', 'deploy', 'docs'];

async function texts(folder: string): Promise<[name: string, text: string][]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
  return Promise.all(
    entries
      .filter((entry) => entry.isFile() && /\.(?:ts|md|yml|sh|tf)$/.test(entry.name))
      .map(async ({ parentPath, name }): Promise<[string, string]> => {
        const file = join(parentPath, name);
        return [file, await readFile(file, 'utf8')];
      }),
  );
}

suite('the commands have one name', () => {
  for (const place of places) {
    test(`${place} says sluice aws apply, not sluice apply`, async () => {
      const files = await texts(place);
      assert.ok(files.length > 0);
      const old = files.flatMap(([file, text]) =>
        [
          ...text.matchAll(
            /\bsluice (?:plan|apply|check|adopt|outputs|drift|destroy|synth)\b(?!-).*/g,
          ),
        ].map(([line]) => `${file}: ${line}`),
      );
      assert.deepEqual(old, []);
    });
  }
});
