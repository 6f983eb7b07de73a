import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import fc from 'fast-check';
import { lengthOf, triesAll } from '../helpers/extent.ts';
import { cases } from './cases.ts';
import type { Case } from './cases.ts';
import { allowed, avoided, leftOut, missing } from './known-differences.ts';
import type { Lane } from './lane.ts';
import { leaky } from './leaky-pool.ts';
import type { Pace } from './play.ts';
import { looksTheSame, findingText } from './property.ts';
import { Stage } from './stage.ts';
import { settled, themes } from './themes.ts';
import type { ThemeName } from './themes.ts';

const pinningPage = path.resolve(import.meta.dirname, '../../docs/pinning.md');
const pools = [1, 2, 3];
/** Random scripts for each pool. Always the same ones: the soak tries new ones. */
const scriptsPerPool = triesAll ? 667 : lengthOf(12, 40);
/** Each case runs over one server connection, which all sessions share, and over three. */
const poolsOfCases = triesAll ? pools : [1, 3];
const seed = 20_261_125;
const all = Object.keys(themes) as ThemeName[];
const paces = ['in step', 'together'] as const;

/** The paces at which a case runs: both; `npm test` uses one over one connection and the other over three. */
function pacesOf(connections: number, { differs }: Case): readonly Pace[] {
  if (triesAll || differs !== undefined) return paces;
  return connections === 1 ? ['in step'] : ['together'];
}

/**
 * Whether a case has its own proxy, which first reads the code in the database: most of the cost of a case. In `npm
 * test`, cases over three connections share a proxy, as random scripts do, and each finds the state that others have
 * left.
 */
function isAlone(connections: number, { differs }: Case): boolean {
  return triesAll || connections === 1 || differs !== undefined;
}

suite('a pooled connection behaves like a direct connection', { concurrency: true }, () => {
  let stage: Stage;
  before(() => {
    stage = new Stage();
  });
  after(() => stage.close());

  test('the comparison finds no difference between direct connections', async () => {
    const lane = await stage.lane(await stage.directSide(), await stage.directSide(), 2);
    await fc.assert(looksTheSame(lane, all), { numRuns: triesAll ? 100 : lengthOf(8, 20) });
  });

  test('the comparison finds no difference between new connections and used ones', async () => {
    const lane = await stage.lane(await stage.directSide(), await stage.usedSide(), 2);
    await fc.assert(looksTheSame(lane, settled), { numRuns: triesAll ? 200 : lengthOf(10, 30) });
  });

  test('the comparison finds a pool that keeps no session state', async () => {
    const { connect, server } = await stage.directSide();
    const lane = await stage.lane(await stage.directSide(), { connect: leaky(connect), server }, 1);
    const outcome = await fc.check(looksTheSame(lane, ['base'], { paces: ['in step'] }), {
      numRuns: 100,
    });
    assert(outcome.failed, 'a leaky pool went unnoticed');
  });

  test('docs/pinning.md has the known differences', async () => {
    const page = (await readFile(pinningPage, 'utf8')).replaceAll(/\s+/g, ' ').toLowerCase();
    const names = [...leftOut, ...[...avoided, ...allowed, ...missing].map(({ name }) => name)];
    for (const name of names) assert(page.includes(`**${name.toLowerCase()}`), name);
  });

  for (const connections of pools) {
    test(`random scripts over ${connections} connections`, async () => {
      const lane = await stage.pooledLane(connections);
      await fc.assert(looksTheSame(lane, settled), {
        numRuns: scriptsPerPool,
        seed: seed + connections,
      });
    });
  }

  for (const connections of poolsOfCases) {
    suite(`earlier failures, over ${connections} connections`, { concurrency: false }, () => {
      let lane: Lane;
      before(async () => {
        lane = await stage.pooledLane(connections);
      });
      for (const each of cases) {
        const { name, script, differs } = each;
        test(differs === undefined ? name : `differs: ${name}`, async () => {
          const findings = [];
          for (const pace of pacesOf(connections, each)) {
            const finding = await (isAlone(connections, each)
              ? lane.tryAgain(script, pace)
              : lane.compare(script, pace));
            if (finding !== null) findings.push(finding);
          }
          if (differs !== undefined)
            assert(
              findings.length > 0,
              `no difference any more: strike "${differs}" from the case`,
            );
          else for (const finding of findings) assert.fail(findingText(finding));
        });
      }
    });
  }
});
