import type { Settings } from './table.ts';

/** `Settings` does not show which values are defaults, so the warnings about deprecated settings are kept here. */
const deprecated = new WeakMap<Settings, readonly string[]>();

/** Stores warnings about deprecated settings, for `settingsWarnings`. */
export function noteDeprecated(settings: Settings, warnings: readonly string[]): void {
  if (warnings.length > 0) deprecated.set(settings, warnings);
}

/** Warnings about valid but probably unintended settings, for check-config and the log at startup. */
export function settingsWarnings(settings: Settings): readonly string[] {
  return [...(deprecated.get(settings) ?? []), ...verifierWarnings(settings)];
}

function verifierWarnings({ Users, TargetIamAuth }: Settings): readonly string[] {
  if (TargetIamAuth) return [];
  return Users.filter(
    (user) =>
      user.Verifier !== undefined &&
      user.DatabasePassword === undefined &&
      user.DatabasePasswordFile === undefined &&
      user.DatabasePasswordEnv === undefined,
  ).map(
    (user) =>
      `user ${user.UserName} has a Verifier but no DatabasePassword: the proxy can log in to the database only after a client of this user has logged in, and only if the database has the same verifier; otherwise, add DatabasePassword`,
  );
}
