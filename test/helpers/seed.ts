const asked = process.env['SLUICE_TEST_SEED'] ?? '20261125';

/** The seed of all random values in tests. It is fixed, so that the result of a test only depends on the code. */
export const testSeed: number =
  asked === 'random' ? Math.floor(Math.random() * 1_000_000_000) : Number(asked);
