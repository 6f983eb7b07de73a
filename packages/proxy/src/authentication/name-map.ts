/** A line of a user name map, as in pg_ident.conf. */
export interface NameMapLine {
  readonly map: string;
  readonly systemUser: string | RegExp;
  /** `all`, a name in which `\1` is the first capture, or a pattern for names. */
  readonly user: string | RegExp;
}

/** Whether the authenticated `name` can log in as `user`; without a map, the two must be the same. */
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
    // A function, because "$" has a special meaning in a replacement text.
    const wanted = group === undefined ? line.user : line.user.replace('\\1', () => group);
    return wanted === user;
  });
}

/** Parses a name or, after a slash, a regular expression. Throws if that is invalid. */
export function nameOrPattern(text: string): string | RegExp {
  return text.startsWith('/') ? new RegExp(text.slice(1), 'u') : text;
}
