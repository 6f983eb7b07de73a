import { randomBytes } from 'node:crypto';
import { saltOf } from '@sluice/wire';

/** Unpredictable, and constant for the life of the process; for salts. */
export const processSecret = randomBytes(32);

/**
 * The salt of a user's SCRAM verifiers. All passwords of one user share it, so that one exchange can verify any of
 * them. An unknown user gets one in the same way.
 */
export function userSalt(user: string): Buffer {
  return saltOf(user, processSecret);
}
