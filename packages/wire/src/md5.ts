import { createHash } from 'node:crypto';

function md5(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** PostgreSQL's text form of an MD5 verifier. */
export const md5Pattern = /^md5[0-9a-f]{32}$/;

/** The value that PostgreSQL stores for an MD5 user: `md5` and the hash of password and user name. */
export function md5Verifier(user: string, password: string): string {
  return `md5${md5(password, user)}`;
}

/** The response to AuthenticationMD5Password: `md5` and the hash of the stored hash and the salt. */
export function md5Response(verifier: string, salt: Buffer): string {
  return `md5${md5(verifier.slice(3), salt)}`;
}
