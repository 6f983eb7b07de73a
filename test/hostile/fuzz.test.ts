import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { readCorpus } from './fuzz/case.ts';
import { lengthOf } from '../helpers/extent.ts';
import { testSeed } from '../helpers/seed.ts';
import { Fuzz } from './fuzz/fuzz.ts';

/** Cases of each kind; eight kinds make 2,400, or 20,000. `npm run test:soak` runs a million. */
const cases = lengthOf(300, 2500);

/**
 * Both runtimes at a time, and no more: the hostile peers all run in this process, whose event loop would otherwise be
 * late for the time-outs of the proxies.
 */
const concurrency = 2;

/**
 * Nothing that a client or a database sends ends the process, affects another client, or causes an unexpected
 * exception.
 */
suite('hostile peers, generated from seeds', { concurrency }, () => {
  for (const runtime of ['node', 'bun'] as const) {
    suite(runtime, { concurrency: 1 }, () => {
      let fuzz: Fuzz;
      before(async () => {
        fuzz = await Fuzz.start('client', { runtime, interleaving: true });
      });
      after(() => fuzz.stop());

      for (const side of ['client', 'database'] as const) {
        for (const interleaving of [false, true]) {
          test(`a hostile ${side}${interleaving ? ', interleaving' : ''}`, async () => {
            await fuzz.turnTo(side, interleaving);
            for (const kept of await readCorpus())
              if (kept.moment.startsWith(side))
                assert.equal(await fuzz.check(kept), null, `kept in the corpus, seed ${kept.seed}`);
            const firstSeed = testSeed + (interleaving ? cases : 0);
            const found = await fuzz.run(firstSeed, cases);
            assert.equal(
              found,
              null,
              `seeds from ${firstSeed}: ${found?.why}\nkept in ${found?.file}`,
            );
            assert.equal(fuzz.played, cases);
            // Or nothing of it reached the proxy.
            if (side === 'database') assert(fuzz.lies > cases / 2, `${fuzz.lies} lies`);
            assert(fuzz.sessions.answered > cases / 20, JSON.stringify(fuzz.sessions));
          });
        }
      }
    });
  }
});
