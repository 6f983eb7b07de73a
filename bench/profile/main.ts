/** `npm run profile -- CASE`: see `help` below, and docs/performance.md. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { loadCases, readCases, stateCases } from '../cases.ts';
import type { LoadCase } from '../cases.ts';
import { openLegs } from '../legs.ts';
import { runPgbench } from '../pgbench.ts';
import { withStage } from '../stage.ts';
import { startSluice } from '../targets/sluice.ts';
import { callTree, hottest } from './cpu-profile.ts';
import type { CpuProfile } from './cpu-profile.ts';
import { flameGraph } from './flame-graph.ts';

const help = `npm run profile -- [options] CASE

Runs one case of the benchmark through Sluice under the profiler of its runtime. Prints the functions that took most
time, and writes a flame graph (SVG) and the profile (for the developer tools of browsers) into bench/results/.

  CASE             simple, prepared, extended, tpcb, reconnect, or the name of any load of npm run bench
  --runtime NAME   bun (the default) or node
  --seconds N      length of the run (8)
`;

const results = path.join(import.meta.dirname, '../results');

function findCase(name: string): LoadCase {
  const cases = [...loadCases([1, 32, 200]), ...readCases(), ...stateCases()];
  const names = [name, `${name}-c32`, `select-${name}-c32`];
  const found = cases.find((each) => names.includes(each.name));
  if (found === undefined) throw new Error(`"${name}" is no case; see --help`);
  return found;
}

async function profile(load: LoadCase, runtime: 'bun' | 'node', seconds: number): Promise<void> {
  const signal = new AbortController().signal;
  await mkdir(results, { recursive: true });
  const name = `${load.name}-${runtime}`;
  const file = path.join(results, `${name}.cpuprofile`);
  await withStage(1, signal, async ({ setup, socketDirectory }) => {
    const legs = await openLegs(setup.postgres, socketDirectory, load.network);
    const { tls, interleaving } = load;
    const { database } = legs;
    const target = await startSluice(
      runtime,
      { ...setup, database, socketDirectory: legs.socketDirectory, tls, interleaving },
      ['--cpu-prof', `--cpu-prof-dir=${results}`, `--cpu-prof-name=${path.basename(file)}`],
    );
    try {
      const { tps } = await runPgbench(target.address, load, seconds, null, setup.folder, signal);
      console.log(`${name}: ${tps.toFixed(0)} transactions per second under the profiler\n`);
      await target.leave();
    } finally {
      await target.stop();
      await legs.close();
    }
  });
  const found: CpuProfile = JSON.parse(await readFile(file, 'utf8'));
  const tree = callTree(found);
  for (const [called, share] of hottest(tree, 25)) {
    console.log(`${(100 * share).toFixed(1).padStart(5)} %  ${called}`);
  }
  const graph = path.join(results, `${name}.svg`);
  await writeFile(graph, flameGraph(tree));
  for (const written of [graph, file]) {
    console.log(`written to ${path.relative(process.cwd(), written)}`);
  }
}

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      runtime: { type: 'string', default: 'bun' },
      seconds: { type: 'string', default: '8' },
      help: { type: 'boolean', default: false },
    },
  });
  const [name] = positionals;
  const { runtime, seconds } = values;
  if (values.help || name === undefined) {
    console.log(help);
  } else if (runtime !== 'bun' && runtime !== 'node') {
    throw new Error(`--runtime has "${runtime}"; it must be bun or node`);
  } else {
    await profile(findCase(name), runtime, Number(seconds));
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
