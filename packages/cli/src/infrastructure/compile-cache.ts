import module from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

/**
 * Keeps what V8 compiles between runs: the packages of AWS and CDK are large, and compiling them anew takes a third of
 * a plan. In the user's own cache folder, since whoever can write there decides what is run; where it cannot be made,
 * nothing is kept. Bun has no such call.
 */
export function keepCompiledCode(): void {
  const home = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  module.enableCompileCache?.(join(home, 'sluice'));
}
