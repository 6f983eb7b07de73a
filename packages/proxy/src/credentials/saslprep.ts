import { saslprep } from '@mongodb-js/saslprep';

/** PostgreSQL's rule: a password that SASLprep (RFC 4013) refuses is used as it is. */
export function preparePassword(password: string): string {
  try {
    return saslprep(password);
  } catch {
    return password;
  }
}
