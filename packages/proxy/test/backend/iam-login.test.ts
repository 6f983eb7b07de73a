import assert from 'node:assert/strict';
import { createServer } from 'node:tls';
import { after, before, suite, test } from 'node:test';
import { makeCertificate } from '@sluice/testkit';
import type { Certificate } from '@sluice/testkit';
import { DatabaseLogins } from '../../src/targets/database-logins.ts';
import { Credentials } from '../../src/credentials/credentials.ts';
import { createSettings } from '../../src/settings/index.ts';
import type { GivenSettings, Settings } from '../../src/settings/index.ts';
import { TargetAddresses } from '../../src/targets/target-addresses.ts';
import { Target } from '../../src/targets/target.ts';
import type { TargetAddress } from '../../src/targets/target.ts';
import { portOf } from '../sockets.ts';

/** AuthenticationCleartextPassword (B), with which RDS requests a token. */
const askForPassword = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]);

const cluster = 'orders.cluster-abc123.eu-west-3.rds.amazonaws.com';
const writer = 'orders-1.abc123.eu-west-3.rds.amazonaws.com';
const reader = 'orders-2.abc123.eu-west-3.rds.amazonaws.com';

/**
 * Listens like a database, on all of 127.0.0.0/8, and records the passwords that it receives. PostgreSQL itself cannot
 * have a token as a password: its signature is different each time.
 */
class PasswordTrap {
  readonly #server;
  readonly #waiting: ((password: string) => void)[] = [];

  constructor(certificate: Certificate) {
    this.#server = createServer(
      { cert: certificate.cert, key: certificate.key, ALPNProtocols: ['postgresql'] },
      (socket) => {
        let received = Buffer.alloc(0);
        socket.on('error', () => undefined);
        socket.write(askForPassword);
        socket.on('data', (chunk) => {
          received = Buffer.concat([received, chunk]);
          const startup = received.length < 4 ? 0 : received.readUInt32BE(0);
          if (received.length < startup + 5) return;
          const length = received.readUInt32BE(startup + 1);
          if (received.length < startup + 1 + length) return;
          const password = received.toString('utf8', startup + 5, startup + length);
          this.#waiting.shift()?.(password);
          socket.destroy();
        });
      },
    );
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '0.0.0.0', resolve));
    return portOf(this.#server);
  }

  next(): Promise<URL> {
    return new Promise((resolve) =>
      this.#waiting.push((password) => resolve(new URL(`https://${password}`))),
    );
  }

  async close(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

suite('logins with IAM tokens', () => {
  let certificate: Certificate;
  let trap: PasswordTrap;
  let port: number;
  const environment = { ...process.env };

  before(async () => {
    certificate = await makeCertificate({ hosts: ['localhost', cluster, writer, reader] });
    trap = new PasswordTrap(certificate);
    port = await trap.listen();
    process.env['AWS_ACCESS_KEY_ID'] = 'testing';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'testing';
    delete process.env['AWS_REGION'];
  });
  after(async () => {
    process.env = environment;
    await trap.close();
  });

  function settingsFor(values: GivenSettings): Settings {
    return createSettings({
      TargetPort: port,
      TargetIamAuth: true,
      TargetTlsMode: 'verify-full',
      TargetTlsNegotiation: 'direct',
      Users: [{ UserName: 'app', Password: 'x' }],
      ConnectTimeout: 5,
      ...values,
    });
  }

  /** Logs in as `app` at the address, and returns the token that the database received. */
  async function tokenAt(logins: DatabaseLogins, target: Target): Promise<URL> {
    const token = trap.next();
    const failed = new Promise<never>((_resolve, reject) => {
      const pool = { user: 'app', database: 'shop', startupOnly: new Map<string, string>() };
      logins.open(target, pool, new Map(), (failure) => {
        // The trap closes the connection after it has received the password.
        if (!/closed the connection|ECONNRESET|disconnected/.test(failure?.fields.message ?? ''))
          reject(new Error(failure?.fields.message));
      });
    });
    return Promise.race([token, failed]);
  }

  async function loginsFor(settings: Settings): Promise<DatabaseLogins> {
    const credentials = await Credentials.load(settings);
    return new DatabaseLogins({
      state: () => ({ settings, credentials }),
      addressOf: ({ address: { host, port: at, serverName } }) => ({
        host,
        port: at,
        serverName,
        tlsMode: 'verify-full',
        tlsNegotiation: 'direct',
        md5WithoutTls: false,
        ca: certificate.ca,
      }),
      refresh: () => Promise.resolve(),
      secretOf: () => ({}),
      refused: () => undefined,
    });
  }

  function targetAt(place: TargetAddress): Target {
    return new Target(
      place,
      { maxConnectionsPercent: 100, maxIdleConnectionsPercent: 50 },
      { connect: () => undefined, query: () => false, failureSignal: () => undefined },
    );
  }

  function check(token: URL, host: string, region = 'eu-west-3'): void {
    assert.equal(token.hostname, host);
    assert.equal(token.port, String(port));
    assert.equal(token.searchParams.get('Action'), 'connect');
    assert.equal(token.searchParams.get('DBUser'), 'app');
    const [key, , signedFor, service] =
      token.searchParams.get('X-Amz-Credential')?.split('/') ?? [];
    assert.deepEqual([key, signedFor, service], ['testing', region, 'rds-db']);
    assert.match(token.searchParams.get('X-Amz-SignedHeaders') ?? '', /^host$/);
  }

  test('a name with several addresses: the token is for the name, and one token serves all of them', async (t) => {
    const settings = settingsFor({ TargetHost: writer });
    const places = new TargetAddresses(settings, () => Promise.resolve(['127.0.0.1', '127.0.0.2']));
    const logins = await loginsFor(settings);
    t.after(() => logins.close());
    const found = await places.find(false);
    assert.deepEqual(
      found.map(({ host }) => host),
      ['127.0.0.1', '127.0.0.2'],
    );
    const tokens = [];
    for (const place of found) tokens.push(await tokenAt(logins, targetAt(place)));
    for (const token of tokens) check(token, writer);
    assert.equal(tokens[0]?.href, tokens[1]?.href);
  });

  test('after a change of the address the token is still for the name', async (t) => {
    const settings = settingsFor({ TargetHost: writer });
    const addresses = [['127.0.0.1'], ['127.0.0.3']];
    const places = new TargetAddresses(settings, () => Promise.resolve(addresses.shift() ?? []));
    const logins = await loginsFor(settings);
    t.after(() => logins.close());
    for (const address of ['127.0.0.1', '127.0.0.3']) {
      const [place] = await places.find(false);
      assert(place);
      assert.equal(place.host, address);
      check(await tokenAt(logins, targetAt(place)), writer);
    }
  });

  test('an Aurora reader: the token is for its own endpoint', async (t) => {
    const settings = settingsFor({ TargetHost: cluster, TargetTopology: 'aurora' });
    const addressOf = new Map([
      [cluster, '127.0.0.1'],
      [writer, '127.0.0.1'],
      [reader, '127.0.0.2'],
    ]);
    const places = new TargetAddresses(settings, (host) =>
      Promise.resolve([addressOf.get(host) ?? '']),
    );
    const logins = await loginsFor(settings);
    t.after(() => logins.close());
    const [first] = await places.find(false);
    const peers = places.topology?.read([
      ['orders-1', null],
      ['orders-2', '12'],
    ]);
    places.learn(first?.name ?? '', peers ?? []);
    const [atWriter, atReader] = await places.find(false);
    assert(atWriter && atReader);
    const target = targetAt(atReader);
    check(await tokenAt(logins, targetAt(atWriter)), cluster);
    check(await tokenAt(logins, target), reader);

    // A failover: the cluster endpoint now resolves to the former reader.
    addressOf.set(cluster, '127.0.0.2');
    const [promoted] = await places.find(false);
    assert(promoted);
    assert.equal(promoted.host, '127.0.0.2');
    target.rename(promoted);
    check(await tokenAt(logins, target), cluster);
    assert.equal(target.name, atReader.name);
  });

  test('a name outside RDS: the region is AWS_REGION', async (t) => {
    process.env['AWS_REGION'] = 'ap-south-1';
    t.after(() => delete process.env['AWS_REGION']);
    const settings = settingsFor({ TargetHost: 'localhost' });
    const places = new TargetAddresses(settings, () => Promise.resolve(['127.0.0.1']));
    const logins = await loginsFor(settings);
    t.after(() => logins.close());
    const [place] = await places.find(false);
    assert(place);
    check(await tokenAt(logins, targetAt(place)), 'localhost', 'ap-south-1');
  });

  test('a token is sent only to a database with a valid certificate', async (t) => {
    const settings = settingsFor({ TargetHost: 'other.abc123.eu-west-3.rds.amazonaws.com' });
    const places = new TargetAddresses(settings, () => Promise.resolve(['127.0.0.1']));
    const logins = await loginsFor(settings);
    t.after(() => logins.close());
    const [place] = await places.find(false);
    assert(place);
    await assert.rejects(tokenAt(logins, targetAt(place)), /cannot connect|altnames|certificate/i);
  });

  for (const [values, wrong] of [
    [{ TargetTlsMode: 'require', TargetHost: writer }, /must be verify-full or verify-ca/],
    [{ TargetHost: '10.0.0.1' }, /replace 10\.0\.0\.1 with the name of the endpoint/],
  ] as const) {
    test(`settings are refused: ${JSON.stringify(values)}`, () => {
      assert.throws(() => settingsFor(values), wrong);
    });
  }
});
