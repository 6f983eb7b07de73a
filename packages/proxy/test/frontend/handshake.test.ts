import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import {
  buildCancelRequest,
  buildPassword,
  buildStartup,
  makeVerifier,
  md5Response,
  md5Verifier,
  parseErrorFields,
  sslRequest,
} from '@sluice/wire';
import { makeCertificate } from '@sluice/testkit';
import { Client } from 'pg';
import type { ClientConfig } from 'pg';
import { HandshakeProcess, certificateFiles } from './handshake-process.ts';
import type { CertificateFiles } from './handshake-process.ts';
import { RawClient } from './raw-client.ts';

const run = promisify(execFile);

const protocol30 = 196_608;
const gssRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30]);
const md5User = 'old ben';

async function users(): Promise<readonly Record<string, string>[]> {
  const { iterations, salt, storedKey, serverKey } = await makeVerifier('secret');
  const keys = `${storedKey.toString('base64')}:${serverKey.toString('base64')}`;
  return [
    { UserName: 'ann', Password: 'secret', DatabaseUserName: 'shop' },
    { UserName: 'eve', Verifier: `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${keys}` },
    { UserName: md5User, Verifier: md5Verifier(md5User, 'secret') },
  ];
}

for (const runtime of ['node', 'bun'] as const) {
  suite(`the handshake of a client, on ${runtime}`, () => {
    let plain: HandshakeProcess;
    let tls: HandshakeProcess;
    let files: CertificateFiles;
    const cleaning: (() => Promise<void>)[] = [];
    // after() inside before() would run as soon as before() has finished.
    const scope = { after: (clean: () => Promise<void>) => void cleaning.push(clean) };

    after(() => Promise.all(cleaning.map((clean) => clean())));
    before(async () => {
      const Users = await users();
      files = await certificateFiles(scope);
      [plain, tls] = await Promise.all([
        HandshakeProcess.start(scope, runtime, { Users }),
        HandshakeProcess.start(scope, runtime, { Users, ...files.settings }),
      ]);
    });

    for (const [user, title] of [
      ['ann', 'a password in the settings'],
      ['eve', 'a SCRAM verifier'],
      [md5User, 'an MD5 verifier'],
    ] as const) {
      test(`${title} admits its user, and nobody else`, async () => {
        await logIn({ port: plain.port, user, password: 'secret', database: 'db' });
        const login = await plain.next('loggedIn');
        assert.equal(login['user'], user);
        assert.equal(login['database'], 'db');
        assert.equal(login['databaseUser'], user === 'ann' ? 'shop' : user);
        assert.equal(login['tls'], false);
        assert.equal(login['isLeft'], false);
        await assert.rejects(logIn({ port: plain.port, user, password: 'wrong' }), {
          code: '28P01',
          severity: 'FATAL',
          message: `password authentication failed for user "${user}"`,
        });
        assert.equal(
          (await plain.next('failed'))['message'],
          `password authentication failed for user "${user}"`,
        );
      });
    }

    test('an unknown user gets the same requests and error messages as a known one', async () => {
      const challenges = [];
      for (let i = 0; i < 2; i++) {
        const client = await RawClient.connect(plain.port);
        client.send(buildStartup(protocol30, [['user', 'nobody']]));
        assert.equal((await client.message()).body.toString('latin1'), '\0\0\0\nSCRAM-SHA-256\0\0');
        client.send(saslInitial('SCRAM-SHA-256', 'n,,n=,r=nonce'));
        challenges.push((await client.message()).body.toString('latin1', 4).split(',').slice(1));
        client.close();
      }
      assert.deepEqual(challenges[0], challenges[1]);
      assert.match(String(challenges[0]), /^s=[\w+/]{22}==,i=4096$/);
      await assert.rejects(logIn({ port: plain.port, user: 'nobody', password: 'secret' }), {
        code: '28P01',
        message: 'password authentication failed for user "nobody"',
      });
    });

    test('TLS after SSLRequest, with channel binding', async () => {
      const ssl = { ca: files.server.ca };
      await logIn({ ...ann(tls), ssl, enableChannelBinding: true });
      const login = await tls.next('loggedIn');
      assert.equal(login['tls'], true);
      assert.equal(login['isLeft'], false);
      await assert.rejects(
        logIn({ ...ann(tls), ssl, password: 'no', enableChannelBinding: true }),
        {
          code: '28P01',
        },
      );
      // A client that supports channel binding, and receives an offer without it, has an attacker on its path (RFC
      // 5802).
      const client = await RawClient.connect(tls.port);
      client.send(sslRequest);
      assert.equal((await client.bytes(1)).toString(), 'S');
      await client.encrypt();
      client.send(buildStartup(protocol30, [['user', 'ann']]));
      await client.message();
      client.send(saslInitial('SCRAM-SHA-256', 'y,,n=,r=nonce'));
      assert.equal((await refusal(client)).sqlstate, '08P01');
    });

    test('direct TLS needs ALPN', async () => {
      const client = await RawClient.connect(tls.port);
      await client.encrypt({ ALPNProtocols: ['postgresql'] });
      client.send(buildStartup(protocol30, [['user', 'ann']]));
      assert.equal((await client.message()).code, 'R');
      // Inside TLS, SSLRequest makes no sense.
      client.close();
      const other = await RawClient.connect(tls.port);
      await other.encrypt();
      assert.equal((await other.end()).length, 0);
      const without = await RawClient.connect(plain.port);
      without.send(Buffer.from('160301', 'hex'));
      assert.equal((await without.end()).length, 0);
    });

    test('encryption can be requested once each, and not inside TLS', async () => {
      for (const requests of [
        [sslRequest, sslRequest],
        [gssRequest, gssRequest],
        [gssRequest, sslRequest, gssRequest],
      ]) {
        const client = await RawClient.connect(plain.port);
        for (const request of requests.slice(0, -1)) {
          client.send(request);
          assert.equal((await client.bytes(1)).toString(), 'N');
        }
        client.send(requests.at(-1) ?? sslRequest);
        assert.equal((await refusal(client)).sqlstate, '0A000');
      }
      for (const request of [sslRequest, gssRequest]) {
        const client = await RawClient.connect(tls.port);
        client.send(sslRequest);
        await client.bytes(1);
        await client.encrypt();
        client.send(request);
        assert.equal((await refusal(client)).sqlstate, '0A000');
      }
    });

    test('more bytes than MaxBytesBeforeLogin end the login', async (t) => {
      const own = await HandshakeProcess.start(t, runtime, {
        Users: await users(),
        MaxBytesBeforeLogin: 2000,
      });
      const client = await RawClient.connect(own.port);
      client.send(buildStartup(protocol30, [['user', 'x'.repeat(2000)]]));
      await client.message();
      const { sqlstate, message } = await refusal(client);
      assert.equal(sqlstate, '08P01');
      assert.match(message, /more than 2000 bytes before the login/);
    });

    test('an invalid TLS handshake ends only that connection', async (t) => {
      const own = await HandshakeProcess.start(t, runtime, {
        Users: await users(),
        ...files.settings,
      });
      const client = await RawClient.connect(own.port);
      client.send(sslRequest);
      await client.bytes(1);
      client.send(
        Buffer.from('no TLS at all, but long enough to look like the header of a record'),
      );
      await client.end();
      assert.equal((await own.next('failed'))['message'], null);
      const vanishing = await RawClient.connect(own.port);
      vanishing.send(sslRequest);
      await vanishing.bytes(1);
      vanishing.close();
      assert.equal((await own.next('failed'))['message'], null);
      await logIn({ ...ann(own), ssl: { ca: files.server.ca } });
    });

    test('bytes sent before the TLS handshake are refused', async () => {
      for (const { port } of [plain, tls]) {
        const client = await RawClient.connect(port);
        client.send(Buffer.concat([sslRequest, buildStartup(protocol30, [['user', 'ann']])]));
        const { sqlstate, message } = await refusal(client);
        assert.equal(sqlstate, '08P01');
        assert.equal(message, 'received unencrypted data after SSL request');
      }
    });

    test('psql: GSS and TLS are tried and declined, parameters and options arrive in order', async (t) => {
      if (!(await hasPsql())) return t.skip('psql is not installed');
      const uri = `postgres://ann:secret@127.0.0.1:${plain.port}/db?options=-c%20work_mem%3D1MB%20--lock-timeout%3D5`;
      await run('psql', [uri, '-X', '-c', 'SELECT 1'], { env: { ...process.env, PGAPPNAME: 'x' } });
      const parameters = (await plain.next('loggedIn'))['parameters'];
      assert.deepEqual(parameters, [
        ['work_mem', '1MB'],
        ['lock_timeout', '5'],
        ['user', 'ann'],
        ['database', 'db'],
        ['options', '-c work_mem=1MB --lock-timeout=5'],
        ['application_name', 'x'],
      ]);
      const bound = `postgres://ann:secret@localhost:${tls.port}/db?hostaddr=127.0.0.1&sslmode=verify-full&channel_binding=require&sslrootcert=${files.settings['TlsCaFile']}`;
      await run('psql', [bound, '-X', '-c', 'SELECT 1']);
      assert.equal((await tls.next('loggedIn'))['tls'], true);
    });

    test('a login that arrives byte by byte, followed by the first query without waiting', async () => {
      const client = await RawClient.connect(plain.port);
      for (const byte of gssRequest) client.send(Buffer.from([byte]));
      assert.equal((await client.bytes(1)).toString(), 'N');
      client.send(sslRequest);
      assert.equal((await client.bytes(1)).toString(), 'N');
      for (const byte of buildStartup(protocol30, [['user', md5User]])) {
        client.send(Buffer.from([byte]));
      }
      const { body } = await client.message();
      const answer = md5Response(md5Verifier(md5User, 'secret'), body.subarray(4));
      client.send(Buffer.concat([buildPassword(answer), Buffer.from('ahead')]));
      assert.deepEqual(await client.message(), { code: 'R', body: Buffer.alloc(4) });
      const login = await plain.next('loggedIn');
      assert.equal(login['rest'], 'ahead');
      assert.equal(login['database'], md5User);
      client.close();
    });

    test('newer versions and unknown options are negotiated', async () => {
      for (const [version, extra, minor, unknown] of [
        [protocol30 + 2, {}, undefined, []],
        [protocol30 + 9999, {}, 2, []],
        [protocol30, { '_pq_.colour': 'red' }, 0, ['_pq_.colour']],
      ] as const) {
        const client = await RawClient.connect(plain.port);
        client.send(buildStartup(version, [['user', 'ann'], ...Object.entries(extra)]));
        let { code, body } = await client.message();
        if (minor !== undefined) {
          assert.equal(code, 'v');
          // PostgreSQL 18 sends the whole version, although the manual mentions only the minor one.
          assert.equal(body.readUInt32BE(0), protocol30 + minor);
          assert.equal(body.readUInt32BE(4), unknown.length);
          assert.equal(body.toString('latin1', 8), unknown.map((name) => `${name}\0`).join(''));
          ({ code, body } = await client.message());
        }
        assert.equal(code, 'R');
        client.close();
      }
    });

    test('anything other than a startup packet of version 3 is refused as in PostgreSQL', async () => {
      const startup = (...parameters: [string, string][]): Buffer =>
        buildStartup(protocol30, [['user', 'ann'], ...parameters]);
      for (const [packet, sqlstate, message] of [
        [buildStartup(131_072, [['user', 'ann']]), '0A000', /^unsupported frontend protocol 2\.0/],
        [buildStartup(protocol30, []), '28000', /^no PostgreSQL user name specified/],
        [buildStartup(protocol30, [['user', '']]), '28000', /^no PostgreSQL user name specified/],
        [startup(['replication', 'x']), '22023', /^invalid value for parameter "replication": "x"/],
        [startup(['options', '-c a=b -z']), '42601', /-z/],
        [Buffer.from('0000000c000300007573657a', 'hex'), '08P01', /layout/],
      ] as const) {
        const client = await RawClient.connect(plain.port);
        client.send(packet);
        const fields = await refusal(client);
        assert.equal(fields.sqlstate, sqlstate);
        assert.match(fields.message, message);
      }
      for (const length of [0, 7, 10_005, 0x7fffffff, 0xffffffff]) {
        const client = await RawClient.connect(plain.port);
        const packet = Buffer.alloc(8);
        packet.writeUInt32BE(length);
        assert.equal((await client.send(packet).end()).length, 0);
      }
    });

    test('cancel requests with keys of 4 to 256 bytes are passed on, and the connection is closed', async (t) => {
      const own = await HandshakeProcess.start(t, runtime, { Users: await users() });
      for (const [bytes, event] of [
        [4, 'cancel'],
        [32, 'cancel'],
        [256, 'cancel'],
        [0, 'failed'],
        [257, 'failed'],
      ] as const) {
        const client = await RawClient.connect(own.port);
        client.send(buildCancelRequest(4711, Buffer.alloc(bytes, 7)));
        assert.equal((await client.end()).length, 0);
        const outcome = await own.next('cancel', 'failed');
        assert.equal(outcome.event, event);
        if (event === 'failed') continue;
        assert.equal(outcome['processId'], 4711);
        assert.equal(outcome['secret'], '07'.repeat(bytes));
      }
    });

    test('an invalid password message', async () => {
      for (const [token, sqlstate] of [
        [Buffer.from('Q\0\0\0\x05\0'), '08P01'],
        [Buffer.from('p\x7f\xff\xff\xff', 'latin1'), '08P01'],
        [Buffer.from('p\0\0\0\x04'), '08P01'],
        [saslInitial('SCRAM-SHA-1', 'n,,n=,r=nonce'), '08P01'],
        [saslInitial('SCRAM-SHA-256', 'n,,m=x,n=,r=nonce'), '08P01'],
        [saslInitial('SCRAM-SHA-256-PLUS', 'p=tls-server-end-point,,n=,r=nonce'), '08P01'],
      ] as const) {
        const client = await RawClient.connect(plain.port);
        client.send(buildStartup(protocol30, [['user', 'ann']]));
        await client.message();
        client.send(token);
        const { sqlstate: given, message } = await refusal(client);
        assert.equal(given, sqlstate);
        if (token[0] === 0x51) assert.match(message, /expected a password message, got 0x51/);
      }
    });

    test('RequireTLS refuses clients without TLS, but not a cancel request', async (t) => {
      const strict = await HandshakeProcess.start(t, runtime, {
        Users: await users(),
        ...files.settings,
        RequireTLS: true,
      });
      await assert.rejects(logIn({ ...ann(strict) }), { code: '28000' });
      await logIn({ ...ann(strict), ssl: { ca: files.server.ca } });
      const client = await RawClient.connect(strict.port);
      await client.send(buildCancelRequest(1, Buffer.alloc(4))).end();
      await strict.next('cancel');
    });

    for (const TlsMode of ['verify-ca', 'verify-full'] as const) {
      test(`client certificates with ${TlsMode}`, async (t) => {
        const strict = await HandshakeProcess.start(t, runtime, {
          Users: await users(),
          ...files.settings,
          TlsMode,
        });
        const authority = files.server;
        const [own, other, foreign] = await Promise.all([
          makeCertificate({ authority, commonName: 'ann' }),
          makeCertificate({ authority, commonName: 'eve' }),
          makeCertificate({ commonName: 'ann' }),
        ]);
        const withCertificate = (certificate?: { readonly cert: string; readonly key: string }) =>
          logIn({
            ...ann(strict),
            ssl: {
              ca: authority.ca,
              ...(certificate && { cert: certificate.cert, key: certificate.key }),
            },
          });
        // Concurrently, since the verifying server has to distinguish them.
        const results = await Promise.allSettled([
          withCertificate(own),
          withCertificate(other),
          withCertificate(foreign),
          withCertificate(),
          logIn(ann(strict)),
        ]);
        assert.deepEqual(
          results.map(({ status }) => status),
          TlsMode === 'verify-ca'
            ? ['fulfilled', 'fulfilled', 'rejected', 'rejected', 'rejected']
            : ['fulfilled', 'rejected', 'rejected', 'rejected', 'rejected'],
        );
        for (const result of results)
          if (result.status === 'rejected') assert.equal(result.reason.code, '28000');
        // A client that disconnects during the handshake leaves nothing behind.
        const client = await RawClient.connect(strict.port);
        await client.send(sslRequest).bytes(1);
        client.close();
        await strict.next('failed');
        await withCertificate(own);
      });
    }

    test('abort sends an error to a waiting client, and closes one during the TLS handshake', async (t) => {
      const aborting = await HandshakeProcess.start(
        t,
        runtime,
        { Users: await users(), ...files.settings },
        true,
      );
      const client = await RawClient.connect(aborting.port);
      client.send(buildStartup(protocol30, [['user', 'ann']]));
      assert.equal((await client.message()).code, 'R');
      assert.equal((await refusal(client)).sqlstate, '57P01');
      assert.match(String((await aborting.next('failed'))['message']), /shutting down/);
      const shaking = await RawClient.connect(aborting.port);
      shaking.send(sslRequest);
      assert.equal((await shaking.end()).toString(), 'S');
      assert.equal((await aborting.next('failed'))['message'], null);
    });
  });
}

/** Logs in with the driver `pg`, runs a statement, and disconnects. */
async function logIn(config: ClientConfig): Promise<void> {
  const client = new Client({ host: '127.0.0.1', ...config });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('SELECT');
  await client.end();
}

function ann({ port }: HandshakeProcess): ClientConfig {
  return { port, user: 'ann', password: 'secret', host: 'localhost' };
}

/** Reads the FATAL error and the end of the connection. */
async function refusal(client: RawClient): Promise<ReturnType<typeof parseErrorFields>> {
  const { code, body } = await client.message();
  assert.equal(code, 'E');
  assert.equal((await client.end()).length, 0);
  const fields = parseErrorFields(body);
  assert.equal(fields.severity, 'FATAL');
  return fields;
}

function saslInitial(mechanism: string, data: string): Buffer {
  const head = Buffer.from(`p\0\0\0\0${mechanism}\0\0\0\0\0`);
  head.writeUInt32BE(head.length - 1 + data.length, 1);
  head.writeUInt32BE(data.length, head.length - 4);
  return Buffer.concat([head, Buffer.from(data)]);
}

async function hasPsql(): Promise<boolean> {
  return run('psql', ['--version']).then(
    () => true,
    () => false,
  );
}
