import { spawn } from 'node:child_process';
import path from 'node:path';
import { root } from './workspace.ts';

/** Runs npm, or a tool that npm installed, in the root of the repository; shows its output only if it fails. */
export async function run(tool: string, args: readonly string[], cwd = root): Promise<string> {
  const child = spawn(tool, args, {
    cwd,
    env: {
      ...process.env,
      PATH: `${path.join(root, 'node_modules/.bin')}${path.delimiter}${process.env['PATH']}`,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) {
    throw new Error(`${tool} ${args.join(' ')} failed (exit code ${code}):\n${output}${errors}`);
  }
  return output;
}
