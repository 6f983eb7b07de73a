import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The first of Terraform and OpenTofu that is here. */
export const terraform = ['terraform', 'tofu'].find((name) => {
  try {
    execFileSync(name, ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

/** Why tests with Terraform cannot run; false when they can. */
export const withoutTerraform: string | false =
  terraform === undefined ? 'neither terraform nor tofu is here' : false;

/**
 * What an expression comes to in a module of these files.
 * @throws Error when Terraform refuses the module, a variable or the expression
 */
export async function evaluated(
  t: { after(clean: () => Promise<void>): void },
  files: Readonly<Record<string, string>>,
  expression: string,
): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-terraform-'));
  t.after(async () => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, name), text);
  }
  const detail = execFileSync(terraform ?? '', ['console'], {
    cwd: folder,
    input: `jsonencode(${expression})\n`,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  // The console writes a string with its quotes, and the string is JSON itself.
  return JSON.parse(String(JSON.parse(detail.trim())));
}
