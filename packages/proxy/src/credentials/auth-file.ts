import { ProxyError } from '../errors.ts';

/**
 * Reads PgBouncer's `userlist.txt`: one `"user" "password or verifier"` a line, a quote inside doubled, lines that
 * begin with `;` or `#` and empty ones passed over. Throws AUTH_FILE with the line that cannot be read.
 */
export function parseAuthFile(text: string, file: string): [user: string, secret: string][] {
  const users: [string, string][] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith(';') || trimmed.startsWith('#')) continue;
    const match = /^"((?:[^"]|"")*)"\s+"((?:[^"]|"")*)"/.exec(trimmed);
    if (match === null) throw new ProxyError('AUTH_FILE', { file, line: index + 1 });
    const [, user = '', secret = ''] = match;
    users.push([user.replaceAll('""', '"'), secret.replaceAll('""', '"')]);
  }
  return users;
}
