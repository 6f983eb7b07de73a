import assert from 'node:assert/strict';
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { makeCertificate } from '@sluice/testkit';
import type { Certificate, Postgres } from '@sluice/testkit';
import { startDatabase } from '../helpers/database.ts';
import { cstring, int32, message, sslRequest, startupPacket } from '../helpers/messages.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { ScramClient } from '../helpers/scram-client.ts';
import { Sluice } from '../helpers/sluice.ts';

/** So many that their duration exceeds that of everything else. */
const iterations = 300_000;
const names = ['aa', 'bb', 'cc', 'dd', 'ee'];

function verifier(user: string): string {
  const salt = createHash('md5').update(user).digest();
  const salted = pbkdf2Sync('secret', salt, iterations, 32, 'sha256');
  const key = (text: string): Buffer => createHmac('sha256', salted).update(text).digest();
  const stored = createHash('sha256').update(key('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${stored}:${key('Server Key').toString('base64')}`;
}

function md5Hash(user: string): string {
  return `md5${createHash('md5').update(`secret${user}`).digest('hex')}`;
}

suite('an unknown user, and one with a wrong password', () => {
  let certificate: Certificate;
  let database: Postgres;
  let sluice: Sluice;
  let folder: string;

  before(async () => {
    certificate = await makeCertificate();
    folder = await mkdtemp(path.join(tmpdir(), 'sluice-unknown-'));
    for (const name of ['cert', 'key'] as const)
      await writeFile(path.join(folder, name), certificate[name]);
    database = await startDatabase();
    sluice = await Sluice.start(database, {
      TlsCertFile: path.join(folder, 'cert'),
      TlsKeyFile: path.join(folder, 'key'),
      Users: [
        { UserName: 'ann', Password: database.password },
        ...['scram', 'clear'].flatMap((method) =>
          names.map((name) => ({
            UserName: `${method}_${name}`,
            Verifier: verifier(`${method}_${name}`),
          })),
        ),
      ],
      ClientAuth: [{ User: '/^clear_', Method: 'password' }, { Method: 'scram-sha-256' }],
    });
  });
  after(async () => {
    await sluice.kill();
    await database.stop('immediate');
    await rm(folder, { recursive: true });
  });

  async function connect(to: Sluice, isTls: boolean): Promise<RawClient> {
    const { host, port } = to;
    const client = await RawClient.open({ host, port, user: '', password: '', database: 'shop' });
    if (!isTls) return client;
    assert.equal(await client.negotiate(sslRequest), 'S');
    await client.startTls({ ca: certificate.ca, servername: 'localhost' });
    return client;
  }

  /** Everything that the proxy sends to a client without the password, except random bytes and the user name. */
  async function transcript(to: Sluice, user: string, isTls: boolean): Promise<string[]> {
    const client = await connect(to, isTls);
    client.send(startupPacket({ user, database: 'shop' }));
    const seen: string[] = [];
    const scram = new ScramClient('wrong');
    const take = async (): Promise<Buffer> => {
      const { code, body } = await client.next();
      const text = body
        .toString('latin1')
        .replaceAll(user, 'USER')
        .replace(
          /r=([^,]+),s=([^,]+)/,
          (_all, nonce: string, salt: string) =>
            `nonce of ${nonce.length}, salt of ${Buffer.from(salt, 'base64').length}`,
        );
      const isMd5 = code === 'R' && body.readInt32BE(0) === 5;
      seen.push(`${code} ${isMd5 ? `MD5 ${body.length}` : text}`);
      return body;
    };
    const asked = await take();
    switch (asked.readInt32BE(0)) {
      case 10: {
        const first = Buffer.from(scram.first());
        client.send(message('p', cstring('SCRAM-SHA-256'), int32(first.length), first));
        client.send(message('p', Buffer.from(scram.final((await take()).toString('utf8', 4)))));
        break;
      }
      case 5:
        client.send(message('p', cstring(`md5${'0'.repeat(32)}`)));
        break;
      default:
        client.send(message('p', cstring('wrong')));
    }
    await take();
    assert.deepEqual(await client.untilClosed(), []);
    return seen;
  }

  for (const isTls of [false, true])
    test(`SCRAM, ${isTls ? 'TLS' : 'no TLS'}: the same bytes, iterations included`, async () => {
      const known = await transcript(sluice, 'scram_aa', isTls);
      assert.deepEqual(await transcript(sluice, 'scram_zz', isTls), known);
      assert.match(known[1] ?? '', new RegExp(`nonce of 48, salt of 16,i=${iterations}$`));
      assert.match(known[2] ?? '', /^E SFATAL.*C28P01/);
    });

  test('a cleartext password: the same bytes, in the same time', async () => {
    assert.deepEqual(
      await transcript(sluice, 'clear_zz', true),
      await transcript(sluice, 'clear_aa', true),
    );
    const times = { known: [] as number[], unknown: [] as number[] };
    const measure = async (kind: keyof typeof times, user: string): Promise<void> => {
      const client = await connect(sluice, true);
      client.send(startupPacket({ user, database: 'shop' }));
      await client.next();
      const began = performance.now();
      client.send(message('p', cstring('wrong')));
      await client.next();
      times[kind].push(performance.now() - began);
      await client.end();
    };
    // In turn, so that changes of the machine's speed affect both.
    for (const name of names) {
      await measure('known', `clear_${name}`);
      await measure('unknown', `clear_not${name}`);
    }
    const median = (values: number[]): number => values.toSorted((a, b) => a - b)[2] ?? 0;
    const [known, unknown] = [median(times.known), median(times.unknown)];
    // Without key derivation for an unknown user, the ratio is some hundred.
    assert.ok(Math.max(known, unknown) < 4 * Math.min(known, unknown), JSON.stringify(times));
  });

  test('MD5, if most users have it: the same bytes', async () => {
    const other = await Sluice.start(database, {
      HealthCheckUser: 'ann',
      Users: ['ann', 'ben', 'eve'].map((user) => ({ UserName: user, Verifier: md5Hash(user) })),
    });
    try {
      const known = await transcript(other, 'ben', false);
      assert.deepEqual(await transcript(other, 'tom', false), known);
      assert.match(known[0] ?? '', /MD5/);
    } finally {
      await other.kill();
    }
  });

  test('users from AuthQuery count as well', async () => {
    await database.query(
      `set scram_iterations = 7777; create role told_aa login password 'secret'; create role told_bb login password 'secret'`,
    );
    const other = await Sluice.start(database, {
      AuthQuery: 'SELECT rolname, rolpassword FROM pg_authid WHERE rolname = $1',
    });
    try {
      const known = await transcript(other, 'told_aa', false);
      await transcript(other, 'told_bb', false);
      assert.match(known[1] ?? '', /i=7777$/);
      assert.deepEqual(await transcript(other, 'told_zz', false), known);
    } finally {
      await other.kill();
    }
  });
});
