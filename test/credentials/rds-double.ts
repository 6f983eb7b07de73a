import { createHash, createHmac } from 'node:crypto';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { TLSSocket, createSecureContext } from 'node:tls';
import type { Certificate, Postgres } from '@sluice/testkit';
import { cstring, int32, message } from '../helpers/messages.ts';

/** The keys that sign the tokens of these tests. */
export const awsKeys = { accessKeyId: 'testing', secretAccessKey: 'the secret key' } as const;
export const awsRegion = 'eu-west-3';

const sslRequest = 80_877_103;
const cancelRequest = 80_877_102;

/**
 * RDS with IAM database authentication in front of a real PostgreSQL that trusts this machine: it requests a cleartext
 * password over TLS, accepts a token with a valid signature, or the password of the user, and then forwards everything.
 */
export class RdsDouble {
  /** The passwords of users that have one; others log in with tokens. */
  readonly passwords = new Map<string, string>();
  /** The presented credentials, in order. */
  readonly logins: {
    readonly user: string;
    readonly password: string;
    readonly isRight: boolean;
  }[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #context;
  readonly #database: Postgres;

  private constructor(database: Postgres, certificate: Certificate) {
    this.#database = database;
    this.#context = createSecureContext({ cert: certificate.cert, key: certificate.key });
    this.#server = createServer((socket) => void this.#serve(socket).catch(() => socket.destroy()));
  }

  static async start(database: Postgres, certificate: Certificate): Promise<RdsDouble> {
    const rds = new RdsDouble(database, certificate);
    await rds.resume();
    return rds;
  }

  get port(): number {
    return this.#port;
  }
  #port = 0;

  /** Listens again at the same address. */
  async resume(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Becomes unreachable: closes all connections, and accepts none. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(plain: Socket): Promise<void> {
    this.#keep(plain);
    let socket = plain;
    let packet = await readPacket(socket, false);
    if (packet.readInt32BE(4) === sslRequest) {
      socket.write('S');
      socket = new TLSSocket(plain, { isServer: true, secureContext: this.#context });
      this.#keep(socket);
      packet = await readPacket(socket, false);
    }
    if (packet.readInt32BE(4) !== cancelRequest) {
      const user = packet.toString('utf8', 8).split('\0')[1] ?? '';
      socket.write(message('R', int32(3)));
      const password = (await readPacket(socket, true)).toString('utf8', 5).replace('\0', '');
      const isRight =
        this.passwords.get(user) === password || isToken(password, user, this.#port, Date.now());
      this.logins.push({ user, password, isRight });
      if (!isRight) {
        const fields = [
          'SFATAL',
          'VFATAL',
          'C28000',
          `MPAM authentication failed for user "${user}"`,
        ];
        socket.end(message('E', ...fields.map((field) => cstring(field)), Buffer.from([0])));
        return;
      }
    }
    const { host, port } = this.#database;
    const behind = connect({ host, port });
    this.#keep(behind);
    behind.write(packet);
    socket.pipe(behind).pipe(socket);
    behind.on('close', () => socket.destroy());
    socket.on('close', () => behind.destroy());
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
  }
}

/** One packet of the startup phase, or one message with a code. */
async function readPacket(socket: Socket, hasCode: boolean): Promise<Buffer> {
  const head = hasCode ? 5 : 4;
  for (;;) {
    const start = socket.read(head) as Buffer | null;
    if (start !== null) {
      const length = start.readInt32BE(head - 4) - 4;
      if (length === 0) return start;
      for (;;) {
        const rest = socket.read(length) as Buffer | null;
        if (rest !== null) return Buffer.concat([start, rest]);
        await readable(socket);
      }
    }
    await readable(socket);
  }
}

function readable(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      socket.off('readable', settle);
      socket.off('close', gone);
      resolve();
    };
    const gone = (): void => reject(new Error('the other side has gone'));
    socket.once('readable', settle);
    socket.once('close', gone);
  });
}

/**
 * Whether AWS would accept the token at `now`: for the user at localhost and this port, signed with the keys, not
 * expired.
 */
function isToken(token: string, user: string, port: number, now: number): boolean {
  const { host, searchParams } = new URL(`https://${token}`);
  const signature = searchParams.get('X-Amz-Signature');
  searchParams.delete('X-Amz-Signature');
  searchParams.sort();
  const date = searchParams.get('X-Amz-Date') ?? '';
  const scope = `${date.slice(0, 8)}/${awsRegion}/rds-db/aws4_request`;
  const expected = Date.parse(date.replace(/(....)(..)(..T..)(..)/, '$1-$2-$3:$4:')) + 900_000;
  const query = [...searchParams].map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  );
  const request = ['GET', '/', query.join('&'), `host:${host}`, '', 'host', sha256('')].join('\n');
  const text = ['AWS4-HMAC-SHA256', date, scope, sha256(request)].join('\n');
  const key = scope.split('/').reduce<Buffer>(hmac, Buffer.from(`AWS4${awsKeys.secretAccessKey}`));
  return (
    host === `localhost:${port}` &&
    searchParams.get('DBUser') === user &&
    expected > now &&
    hmac(key, text).toString('hex') === signature
  );
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
