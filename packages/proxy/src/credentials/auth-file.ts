import { isUtf8 } from 'node:buffer';
import { md5Pattern, parseVerifier } from '@sluice/wire';
import { ProxyError } from '../errors.ts';

/** A user in an AuthFile. */
export interface AuthFileUser {
  readonly user: string;
  readonly secret: string;
  /** Whether the secret is the password itself, or a verifier. */
  readonly isPassword: boolean;
  /** The line number, from 1. */
  readonly line: number;
}

/** Values that were probably meant as verifiers. Accepting one as a password would allow a login with the verifier. */
const verifierLike = /^(?:SCRAM-SHA-256\$|md5[0-9a-f]{16,}$)/i;

/**
 * Parses PgBouncer's `userlist.txt`: one `"user" "password or verifier"` per line, with quotes doubled inside; ignores
 * empty lines, lines that begin with `;` or `#`, and text after the two values. Throws AUTH_FILE with the invalid line.
 */
export function parseAuthFile(content: Buffer, file: string): AuthFileUser[] {
  const users: AuthFileUser[] = [];
  let at = 0;
  for (let line = 1; at < content.length; line++) {
    const newline = content.indexOf(0x0a, at);
    const end = newline < 0 ? content.length : newline;
    const bytes = content.subarray(at, end);
    at = end + 1;
    const refuse = (why: string): ProxyError => new ProxyError('AUTH_FILE', { file, line, why });
    if (!isUtf8(bytes)) throw refuse('it is not UTF-8');
    const text = bytes.toString().trim();
    if (text === '' || text.startsWith(';') || text.startsWith('#')) continue;
    const match = /^"((?:[^"]|"")*)"\s+"((?:[^"]|"")*)"(?!\S)/.exec(text);
    if (match === null) throw refuse('expected "user" "password or verifier"');
    const [user = '', secret = ''] = match.slice(1).map((word) => word.replaceAll('""', '"'));
    if (user === '') throw refuse('the user has no name');
    if (secret === '') throw refuse(`the password of user "${user}" is empty`);
    const isPassword = !md5Pattern.test(secret) && parseVerifier(secret) === null;
    if (isPassword && verifierLike.test(secret))
      throw refuse(`the verifier of user "${user}" is malformed`);
    users.push({ user, secret, isPassword, line });
  }
  return users;
}
