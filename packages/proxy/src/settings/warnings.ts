import type { Settings } from './table.ts';

/** What is allowed and yet probably not meant, one sentence each; for check-config and the log at the start. */
export function settingsWarnings({ Users }: Settings): readonly string[] {
  return Users.filter(
    (user) => user.Verifier !== undefined && user.DatabasePassword === undefined,
  ).map(
    (user) =>
      `user ${user.UserName} has only a Verifier: the proxy can check its password, and cannot log in to a database that asks for SCRAM; add DatabasePassword`,
  );
}
