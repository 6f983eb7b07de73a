import type { GivenRecord } from './given.ts';
import type { Deprecation, Setting } from './setting.ts';

type Deprecable = Pick<Setting, 'since' | 'deprecated'>;

/** What to tell about a setting that is deprecated, in one sentence. */
export function deprecationText(name: string, { since, removedIn, instead }: Deprecation): string {
  return `${name} is deprecated since ${since} and goes in ${removedIn}; ${instead}`;
}

/** One sentence, with its place, for each deprecated setting that is given. */
export function deprecationWarnings(
  given: GivenRecord,
  rows: Readonly<Record<string, Deprecable>>,
): readonly string[] {
  return given.entries.flatMap(({ name, where }) => {
    const deprecated = Object.hasOwn(rows, name) ? rows[name]?.deprecated : undefined;
    return deprecated === undefined ? [] : [`${where}: ${deprecationText(name, deprecated)}`];
  });
}
