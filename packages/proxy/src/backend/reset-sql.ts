/**
 * Brings a server process back to how it was after login, whatever ran there: in one write in front of the next session's
 * first request. It is DISCARD ALL (manual, "DISCARD") but for DISCARD PLANS, which would have every function planned anew, and
 * sets a new seed for random().
 *
 * Should it fail, the next session's request must not run: exit_on_error makes an error end the server process. RESET ALL
 * ends that for a moment; then the transaction that begins here is left open and failed, and refuses what follows.
 */
export function resetSql(seed: number): string {
  return (
    'BEGIN ISOLATION LEVEL READ COMMITTED NOT DEFERRABLE;SET exit_on_error=on;' +
    'SET SESSION AUTHORIZATION DEFAULT;RESET ALL;SET exit_on_error=on;CLOSE ALL;DEALLOCATE ALL;UNLISTEN *;' +
    `SELECT pg_catalog.pg_advisory_unlock_all(),pg_catalog.setseed(${seed.toFixed(15)});` +
    'DISCARD SEQUENCES;DISCARD TEMP;RESET exit_on_error;COMMIT'
  );
}

/** Sets a new seed for random(): DISCARD ALL leaves it, and it foretells what the next session draws. */
export function seedSql(seed: number): string {
  return `SELECT pg_catalog.setseed(${seed.toFixed(15)})`;
}
