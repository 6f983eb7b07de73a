import module from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

/**
 * Caches V8's compiled code between runs: the packages of AWS and CDK are large, and compiling them takes a third of
 * the time of a plan. The cache is in the user's own cache folder, because anybody who can write there decides what
 * runs. If the folder cannot be created, nothing is cached. Bun has no such API.
 */
export function keepCompiledCode(): void {
  const home = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  module.enableCompileCache?.(join(home, 'sluice'));
}
