const asked = process.env['SLUICE_TEST_SEED'] ?? '20261125';

/** The seed of everything random in tests: fixed, so that a test that passed passes until the code changes. */
export const testSeed: number =
  asked === 'random' ? Math.floor(Math.random() * 1_000_000_000) : Number(asked);
