import type { Settings } from './table.ts';

/** Settings do not tell which of them were given and which are defaults, so what was said of those given is kept here. */
const deprecated = new WeakMap<Settings, readonly string[]>();

/** Keeps what there is to say about deprecated settings that were given, for `settingsWarnings`. */
export function noteDeprecated(settings: Settings, warnings: readonly string[]): void {
  if (warnings.length > 0) deprecated.set(settings, warnings);
}

/** What is allowed and yet probably not meant, one sentence each; for check-config and the log at the start. */
export function settingsWarnings(settings: Settings): readonly string[] {
  return [...(deprecated.get(settings) ?? []), ...verifierWarnings(settings)];
}

function verifierWarnings({ Users }: Settings): readonly string[] {
  return Users.filter(
    (user) => user.Verifier !== undefined && user.DatabasePassword === undefined,
  ).map(
    (user) =>
      `user ${user.UserName} has only a Verifier: the proxy can log in to the database only after a client of that user has, and only if the database has the same verifier; add DatabasePassword otherwise`,
  );
}
