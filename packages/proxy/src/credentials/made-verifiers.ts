import { createHash } from 'node:crypto';
import { makeVerifier } from '@sluice/wire';
import type { ScramVerifier } from '@sluice/wire';
import { preparePassword } from './saslprep.ts';
import { userSalt } from './process-secret.ts';

/** Verifiers by user and hash of the password: making one takes milliseconds, and secrets are reread often. */
export class MadeVerifiers {
  readonly #made = new Map<string, Promise<ScramVerifier>>();
  readonly #most: number;

  /** Of more than `most`, it drops the oldest. */
  constructor(most: number) {
    this.#most = most;
  }

  of(user: string, password: string): Promise<ScramVerifier> {
    const key = `${createHash('sha256').update(password).digest('base64')}:${user}`;
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const verifier = makeVerifier(preparePassword(password), userSalt(user));
    const oldest = this.#made.keys().next();
    if (this.#made.size >= this.#most && oldest.done !== true) this.#made.delete(oldest.value);
    this.#made.set(key, verifier);
    return verifier;
  }
}
