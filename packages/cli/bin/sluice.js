#!/usr/bin/env node
// Chooses the runtime, then runs the command. The syntax is so old that Node.js 14 and newer can report that they are
// too old.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import process from 'node:process';

// In the repository the source runs directly; the published package contains only compiled files.
const source = new URL('../src/main.ts', import.meta.url);
const runsSource = existsSync(source);
/** The oldest Node.js that works: 22.18 is the first to run TypeScript without a flag. */
const neededNode = runsSource ? [22, 18] : [22, 12];

function fail(message) {
  process.stderr.write(`error: ${message}\n`);
  process.exit(1);
}

function isTooOld(found) {
  const [major, minor] = found.split('.').map(Number);
  return major < neededNode[0] || (major === neededNode[0] && minor < neededNode[1]);
}

/** This process becomes Bun's: the same id, the same terminal and signals. */
function becomeBun() {
  let bun;
  try {
    bun = createRequire(import.meta.url).resolve('bun/bin/bun.exe');
  } catch {
    const install = runsSource ? 'npm ci' : 'npm install bun';
    fail(`SLUICE_RUNTIME is bun, and Bun is not there; install it with: ${install}`);
  }
  if (process.execve === undefined) {
    fail(
      `SLUICE_RUNTIME is bun, and Node.js ${process.versions.node} cannot hand over to it (22.15 can); run: bunx --bun sluice`,
    );
  }
  process.execve(bun, [bun, ...process.argv.slice(1)], process.env);
}

const wanted = process.env.SLUICE_RUNTIME || '';
if (!['', 'node', 'bun'].includes(wanted)) {
  fail(`SLUICE_RUNTIME is "${wanted}"; it must be node or bun`);
}
if (process.versions.bun === undefined) {
  if (isTooOld(process.versions.node)) {
    const fix = (process.env.npm_config_user_agent || '').startsWith('bun/')
      ? // Without --bun, bunx follows the first line of this file.
        'run it on Bun with: bunx --bun sluice'
      : runsSource
        ? 'npm ci brings a newer one, which npm scripts use'
        : 'install a newer one, put it beside sluice with: npm install node@24, or run it on Bun with: bunx --bun sluice';
    fail(
      `this is Node.js ${process.versions.node} (${process.execPath}), and sluice needs ${neededNode.join('.')} or newer; ${fix}`,
    );
  }
  if (wanted === 'bun') {
    becomeBun();
  }
}

import(runsSource ? source.href : '../dist/cli/main.js')
  .then(({ main }) => main(process.argv.slice(2), process))
  .then(
    (code) => {
      process.exitCode = code;
    },
    (error) => {
      fail((error && error.stack) || String(error));
    },
  );
