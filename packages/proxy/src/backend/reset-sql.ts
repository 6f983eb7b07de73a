/**
 * Resets a server process to its state after login, in one write before the first request of the next session. It is
 * DISCARD ALL (manual, "DISCARD") without DISCARD PLANS, which would require planning every function again, and sets a
 * new seed for random().
 *
 * If it fails, the request of the next session must not run: with exit_on_error, an error ends the server process.
 * RESET ALL resets that for a moment; then the transaction that begins here stays open and failed, and refuses what
 * follows.
 */
export function resetSql(seed: number): string {
  return (
    'BEGIN ISOLATION LEVEL READ COMMITTED NOT DEFERRABLE;SET exit_on_error=on;' +
    'SET SESSION AUTHORIZATION DEFAULT;RESET ALL;SET exit_on_error=on;CLOSE ALL;DEALLOCATE ALL;UNLISTEN *;' +
    `SELECT pg_catalog.pg_advisory_unlock_all(),pg_catalog.setseed(${seed.toFixed(15)});` +
    'DISCARD SEQUENCES;DISCARD TEMP;RESET exit_on_error;COMMIT'
  );
}

/** Sets a new seed for random(): DISCARD ALL does not, and the seed predicts the values of the next session. */
export function seedSql(seed: number): string {
  return `SELECT pg_catalog.setseed(${seed.toFixed(15)})`;
}
