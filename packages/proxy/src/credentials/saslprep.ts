import { saslprep } from '@mongodb-js/saslprep';

/** As in PostgreSQL: a password that SASLprep (RFC 4013) rejects is used unchanged. */
export function preparePassword(password: string): string {
  try {
    return saslprep(password);
  } catch {
    return password;
  }
}
