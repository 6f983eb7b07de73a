import type { GivenRecord } from './given.ts';
import type { Deprecation, Setting } from './setting.ts';

type Deprecable = Pick<Setting, 'since' | 'deprecated'>;

export function deprecationText(name: string, { since, removedIn, instead }: Deprecation): string {
  return `${name} has been deprecated since ${since} and will be removed in ${removedIn}; ${instead}`;
}

/** One warning, with its position, for each deprecated setting that is set. */
export function deprecationWarnings(
  given: GivenRecord,
  rows: Readonly<Record<string, Deprecable>>,
): readonly string[] {
  return given.entries.flatMap(({ name, where }) => {
    const deprecated = Object.hasOwn(rows, name) ? rows[name]?.deprecated : undefined;
    return deprecated === undefined ? [] : [`${where}: ${deprecationText(name, deprecated)}`];
  });
}
