import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Terraform or OpenTofu, whichever is installed first. */
export const terraform = ['terraform', 'tofu'].find((name) => {
  try {
    execFileSync(name, ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

/** Why tests with Terraform cannot run; false if they can. */
export const withoutTerraform: string | false =
  terraform === undefined ? 'neither terraform nor tofu is here' : false;

/**
 * The value of an expression in a module of these files.
 * @throws Error if Terraform refuses the module, a variable or the expression
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
  // The console writes a string in quotes, and the string itself is JSON.
  return JSON.parse(String(JSON.parse(detail.trim())));
}
