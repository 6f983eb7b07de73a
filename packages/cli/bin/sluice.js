#!/usr/bin/env node
// Chooses the runtime, then hands over to src/main.ts. Written so that an old Node.js gets as far as saying that it is too old.
import { createRequire } from 'node:module';
import process from 'node:process';

const neededNode = 24;

function fail(message) {
  process.stderr.write(`error: ${message}\n`);
  process.exit(1);
}

/** This process becomes Bun's: the same id, the same terminal and signals. */
function becomeBun() {
  let bun;
  try {
    bun = createRequire(import.meta.url).resolve('bun/bin/bun.exe');
  } catch {
    fail('SLUICE_RUNTIME is bun, and Bun is not there; install it with: npm install bun');
  }
  process.execve(bun, [bun, ...process.argv.slice(1)], process.env);
}

const wanted = process.env.SLUICE_RUNTIME ?? '';
if (!['', 'node', 'bun'].includes(wanted)) {
  fail(`SLUICE_RUNTIME is "${wanted}"; it must be node or bun`);
}
if (process.versions.bun === undefined) {
  if (Number.parseInt(process.versions.node, 10) < neededNode) {
    fail(
      `this is Node.js ${process.versions.node}, and sluice needs ${neededNode} or newer; npx sluice and npm start bring their own`,
    );
  }
  if (wanted === 'bun') {
    becomeBun();
  }
}

const { main } = await import('../src/main.ts');
process.exitCode = await main(process.argv.slice(2), process);
