/*
 * Compares a pool with direct connections over many statements: `npm run test:soak -- [statements] [seed]`. Prints
 * every difference, shrunk, and how to reproduce it; exits with 1 if there was one.
 *
 *   --themes NAMES       the themes of the scripts, separated by commas; see themes.ts. Default: all
 *   --findings N         ends after this many differences for each lane
 *   --minutes N          ends after this time, even if it is incomplete
 *   --lanes N            concurrent scripts over pools of each size, each with its own servers. Default: 3
 *   --without REGEXP     skips scripts that match, so that known differences do not hide others
 *   --interleaving MODE  of the proxy: auto (the default), off or always
 *   --foreign            with code in C and PL/Tcl in the database, if its packages are installed
 *   --replay SEED:PATH   repeats one script and its shrunk forms; with --connections N
 */
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import type { Lane } from './lane.ts';
import type { Pace } from './play.ts';
import { looksTheSame } from './property.ts';
import type { Script } from './script.ts';
import { Stage } from './stage.ts';
import { themes } from './themes.ts';
import type { ThemeName } from './themes.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    themes: { type: 'string' },
    findings: { type: 'string', default: 'Infinity' },
    minutes: { type: 'string', default: 'Infinity' },
    lanes: { type: 'string', default: '3' },
    without: { type: 'string' },
    replay: { type: 'string' },
    connections: { type: 'string' },
    foreign: { type: 'boolean', default: false },
    interleaving: { type: 'string', default: 'auto' },
  },
});
const [wanted = 1_000_000, firstSeed = Date.now() % 1_000_000_000] = positionals.map(Number);
const about = readThemes(values.themes);
const without = values.without === undefined ? undefined : new RegExp(values.without, 'i');
const mostFindings = Number(values.findings);
const mostMinutes = Number(values.minutes);
const sizes = values.connections === undefined ? [1, 2, 3] : [Number(values.connections)];
/** A script mostly waits, so others run in the meantime. */
const pools =
  values.replay === undefined
    ? Array.from({ length: Number(values.lanes) }, () => sizes).flat()
    : sizes;
/** Scripts with one seed. */
const batch = 100;

const since = performance.now();
let statements = 0;
let scripts = 0;
let findings = 0;
let seed = firstSeed;
let writtenAt = 0;

const stage = new Stage({
  isForeign: values.foreign,
  settings: { Interleaving: readInterleaving(values.interleaving) },
});
try {
  await Promise.all(pools.map(values.replay === undefined ? soak : replay));
} finally {
  await stage.close();
}
console.log(
  `${statements} statements in ${scripts} scripts, ${Math.round(minutes())} minutes: ${findings} differences; ` +
    `these scripts again with: node test/equivalence/soak.ts ${wanted} ${firstSeed} --themes ${about.join(',')}`,
);
process.exitCode = findings === 0 ? 0 : 1;

function readThemes(text: string | undefined): readonly ThemeName[] {
  const all = Object.keys(themes) as ThemeName[];
  if (text === undefined) return all;
  return text.split(',').map((name) => {
    const found = all.find((one) => one === name);
    if (found === undefined)
      throw new Error(`there is no theme "${name}"; there are ${all.join(', ')}`);
    return found;
  });
}

function readInterleaving(text: string): 'auto' | 'off' | 'always' {
  if (text === 'auto' || text === 'off' || text === 'always') return text;
  throw new Error(`--interleaving is "${text}"; it can be auto, off or always`);
}

/** Since the start. */
function minutes(): number {
  return (performance.now() - since) / 60_000;
}

async function soak(connections: number): Promise<void> {
  const lane = await stage.pooledLane(connections);
  for (let found = 0; statements < wanted && found < mostFindings && minutes() < mostMinutes;) {
    const before = lane.groups;
    seed += 1;
    const outcome = await check(lane, {
      numRuns: batch,
      seed,
      interruptAfterTimeLimit: Math.min(
        0x7f_ff_ff_ff,
        Math.max(0, mostMinutes - minutes()) * 60_000,
      ),
    });
    statements += lane.groups - before;
    scripts += outcome.numRuns;
    if (outcome.failed) {
      found += 1;
      writeFinding(outcome, connections);
      await lane.goOn();
    }
    writeProgress();
  }
}

/** At most every ten seconds. */
function writeProgress(): void {
  if (minutes() - writtenAt < 1 / 6) return;
  writtenAt = minutes();
  const rate = statements / minutes();
  const left = Math.ceil(Math.max(0, wanted - statements) / rate);
  console.log(
    `${statements} of ${wanted} statements, ${Math.round(rate)} a minute, ${left} minutes left, ${findings} differences`,
  );
}

async function replay(connections: number): Promise<void> {
  const [seed, path = ''] = (values.replay ?? '').split(/:(.*)/s);
  const lane = await stage.pooledLane(connections);
  const outcome = await check(lane, { seed: Number(seed), path, numRuns: 1 });
  scripts += outcome.numRuns;
  statements += lane.groups;
  if (outcome.failed) writeFinding(outcome, connections);
}

function writeFinding(outcome: fc.RunDetails<[Script, Pace]>, connections: number): void {
  findings += 1;
  const { seed, counterexamplePath, errorInstance } = outcome;
  console.log(
    `${String(errorInstance)}\n  again: node test/equivalence/soak.ts --replay ${seed}:${counterexamplePath} ` +
      `--connections ${connections} --themes ${about.join(',')}` +
      (values.without === undefined ? '' : ` --without '${values.without}'`),
  );
}

function check(
  lane: Lane,
  parameters: fc.Parameters<[Script, Pace]>,
): Promise<fc.RunDetails<[Script, Pace]>> {
  return fc.check(looksTheSame(lane, about, { without }), parameters);
}
