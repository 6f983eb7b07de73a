import { createRequire } from 'node:module';

/** The program of the npm package `bun`; not its `.bin` link, which npm may replace with a script. */
export function bunPath(): string {
  return createRequire(import.meta.url).resolve('bun/bin/bun.exe');
}
