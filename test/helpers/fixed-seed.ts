import fc from 'fast-check';
import { testSeed } from './seed.ts';

/** `npm test` loads this before each test file. `SLUICE_TEST_SEED=random`, or a number, selects other values. */
fc.configureGlobal({ seed: testSeed });
