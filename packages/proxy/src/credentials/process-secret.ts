import { randomBytes } from 'node:crypto';
import { saltOf } from '@sluice/wire';

/** Makes salts that nobody can foresee, the same for the life of the process. */
export const processSecret = randomBytes(32);

/**
 * The salt of a user's SCRAM verifiers. All passwords of one user have the same, so that any of them can be proved in
 * one exchange; and it is the one that a user is shown who is not known (yet).
 */
export function userSalt(user: string): Buffer {
  return saltOf(user, processSecret);
}
