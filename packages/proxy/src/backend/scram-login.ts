import { ScramClient, buildSaslInitial, buildSaslResponse, noBinding } from '@sluice/wire';
import type { ChannelBinding } from '@sluice/wire';
import { endPointBinding } from '../credentials/channel-binding.ts';
import type { LoginKeys } from '../credentials/login-keys.ts';
import { scramKeys } from '../credentials/scram-keys.ts';
import type { Transport } from '../io/transport.ts';

const plain = 'SCRAM-SHA-256';
const plus = 'SCRAM-SHA-256-PLUS';

/** SCRAM-SHA-256 with a database, with channel binding (SCRAM-SHA-256-PLUS) if the database supports it. */
export class ScramLogin {
  /** The database has proved that it knows the password too. */
  proven = false;
  readonly #password: string | undefined;
  readonly #keys: LoginKeys | undefined;
  readonly #endPoint: Buffer | null;
  #client: ScramClient | null = null;

  /** With a password, or with the keys of a client. */
  constructor(socket: Transport, password: string | undefined, keys: LoginKeys | undefined) {
    this.#password = password;
    this.#keys = keys;
    const certificate = socket.tls?.certificate ?? null;
    this.#endPoint = certificate === null ? null : endPointBinding(certificate.raw);
  }

  /** Takes the mechanisms of the database; returns SASLInitialResponse. */
  start(mechanisms: readonly string[]): Buffer | Error {
    const bound = this.#endPoint !== null && mechanisms.includes(plus);
    const mechanism = bound ? plus : plain;
    if (!mechanisms.includes(mechanism))
      return new Error(
        `it offers only the SASL mechanisms ${mechanisms.filter(Boolean).join(', ')}`,
      );
    this.#client = new ScramClient(this.#binding(bound));
    return buildSaslInitial(mechanism, this.#client.firstMessage);
  }

  /** Takes AuthenticationSASLContinue; `done` gets SASLResponse, unless the login was aborted in the meantime. */
  answer(challenge: string, done: (reply: Buffer | Error) => void): void {
    const client = this.#client;
    if (client === null) return;
    try {
      const { salt, iterations, nonce } = client.readServerFirst(challenge);
      if (this.#password === undefined) {
        const { verifier, clientKey } = this.#keys ?? {};
        if (
          verifier === undefined ||
          clientKey === undefined ||
          verifier.iterations !== iterations ||
          !verifier.salt.equals(salt)
        )
          throw new Error(
            'its SCRAM verifier of the user differs from that of the proxy, and the proxy has no password',
          );
        done(
          buildSaslResponse(
            client.finalMessage(challenge, nonce, { clientKey, serverKey: verifier.serverKey }),
          ),
        );
        return;
      }
      scramKeys(this.#password, salt, iterations, (error, keys) => {
        if (keys === null) done(error ?? new Error('no SCRAM keys were derived'));
        else done(buildSaslResponse(client.finalMessage(challenge, nonce, keys)));
      });
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Takes AuthenticationSASLFinal. */
  verify(final: string): void {
    this.proven = this.#client?.verifyServerFinal(final) ?? false;
  }

  /**
   * "y": the client supports channel binding, and the server did not offer it; the server refuses if it did (RFC 5802,
   * section 6).
   */
  #binding(bound: boolean): ChannelBinding {
    if (this.#endPoint === null) return noBinding;
    return bound
      ? { header: 'p=tls-server-end-point,,', data: this.#endPoint }
      : { header: 'y,,', data: noBinding.data };
  }
}
