/** A line of a map of names, as in pg_ident.conf. */
export interface NameMapLine {
  readonly map: string;
  readonly systemUser: string | RegExp;
  /** `all`, a name in which `\1` is what the first group has found, or a pattern for names. */
  readonly user: string | RegExp;
}

/** Whether who was proved to be `name` may be `user`; without a map, the two must be the same. */
export function mayBe(
  name: string,
  user: string,
  map: string | undefined,
  lines: readonly NameMapLine[],
): boolean {
  if (map === undefined) return name === user;
  return lines.some((line) => {
    if (line.map !== map) return false;
    let found: RegExpExecArray | null = null;
    if (typeof line.systemUser === 'string') {
      if (line.systemUser !== name) return false;
    } else {
      found = line.systemUser.exec(name);
      if (found === null) return false;
    }
    if (typeof line.user !== 'string') return line.user.test(user);
    if (line.user === 'all') return true;
    const group = found?.[1];
    // A function: in a text, "$" would stand for something.
    const wanted = group === undefined ? line.user : line.user.replace('\\1', () => group);
    return wanted === user;
  });
}

/** Reads a name or, after a slash, a regular expression. Throws when that is none. */
export function nameOrPattern(text: string): string | RegExp {
  return text.startsWith('/') ? new RegExp(text.slice(1), 'u') : text;
}
