import fc from 'fast-check';

/**
 * Loaded in front of every test file by `npm test`: properties are tried with the same values each time, so that what was
 * green stays green until the code changes. `SLUICE_TEST_SEED=random` (or a number) tries others, as the soaks do.
 */
const asked = process.env['SLUICE_TEST_SEED'] ?? '20261125';
if (asked !== 'random') fc.configureGlobal({ seed: Number(asked) });
