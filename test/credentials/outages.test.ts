import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { makeCertificate } from '@sluice/testkit';
import type { Certificate, Postgres } from '@sluice/testkit';
import { Client } from 'pg';
import { startDatabase } from '../helpers/database.ts';
import { Sluice } from '../helpers/sluice.ts';
import { Issuer } from './issuer.ts';

suite('the source of the users does not respond', () => {
  let certificate: Certificate;
  let database: Postgres;
  let sluice: Sluice;
  let folder: string;
  const issuer = new Issuer();

  before(async () => {
    certificate = await makeCertificate();
    folder = await mkdtemp(path.join(tmpdir(), 'sluice-outages-'));
    for (const name of ['cert', 'key', 'ca'] as const)
      await writeFile(path.join(folder, name), certificate[name]);
    [database] = await Promise.all([startDatabase({ tls: certificate }), issuer.start()]);
    await database.query(`create role seen login password 'secret'`);
    await database.query(`create role unseen login password 'secret'`);
    sluice = await Sluice.start(database, {
      TlsCertFile: path.join(folder, 'cert'),
      TlsKeyFile: path.join(folder, 'key'),
      TargetTlsMode: 'verify-ca',
      TargetTlsCaFile: path.join(folder, 'ca'),
      AuthQuery: 'SELECT rolname, rolpassword FROM pg_authid WHERE rolname = $1',
      AuthQueryCacheTime: 0,
      AuthQueryNegativeCacheTime: 0,
      ConnectionBorrowTimeout: 60,
      ClientAuth: [
        { User: 'token', Method: 'iam' },
        { User: 'job', Method: 'jwt', Issuer: issuer.url, Audience: 'sluice' },
        { User: 'role', Method: 'sts', Map: 'roles' },
        { Method: 'scram-sha-256' },
      ],
      NameMaps: [{ MapName: 'roles', SystemUserName: 'arn', UserName: 'role' }],
      // Nothing listens there.
      StsEndpoint: 'http://127.0.0.1:1',
    });
  });
  after(async () => {
    await sluice.kill();
    await database.stop('immediate');
    await rm(folder, { recursive: true });
  });

  async function who(user: string, password: string): Promise<unknown> {
    const { host, port } = sluice;
    const ssl = { ca: certificate.ca };
    const client = new Client({ host, port, user, password, database: 'shop', ssl });
    client.on('error', () => undefined);
    await client.connect();
    const { rows } = await client.query<{ who: string }>('select current_user as who');
    await client.end();
    return rows[0]?.who;
  }

  /** A temporary refusal: the error asks the client to retry, and the log says what is wrong. */
  async function notJudged(user: string, password: string, why: RegExp): Promise<void> {
    await assert.rejects(who(user, password), {
      code: '57P03',
      message: `the proxy cannot check the login of user "${user}" now`,
    });
    await sluice.logged(
      (line) =>
        line.msg === 'client login failed' &&
        line['user'] === user &&
        why.test(String(line['why'])),
    );
  }

  test('AWS STS, and the issuer of a token', async () => {
    const token = await issuer.token({ sub: 'job' });
    await issuer.stop();
    await notJudged('job', token, /fetch failed/);
    const date = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
    const request = `https://sts.amazonaws.com/?Action=GetCallerIdentity&X-Amz-Date=${date}&X-Amz-Expires=60&X-Amz-SignedHeaders=host`;
    await notJudged('role', request, /the request to AWS STS failed: connect ECONNREFUSED/);
  });

  test('AuthQuery without an answer: all clients that wait are refused in time', async (t) => {
    const slow = await Sluice.start(database, {
      TargetTlsMode: 'verify-ca',
      TargetTlsCaFile: path.join(folder, 'ca'),
      AuthQuery: 'SELECT $1, pg_sleep(600)::text',
      ConnectTimeout: 2,
    });
    t.after(() => slow.kill());
    const { host, port } = slow;
    const began = performance.now();
    const refusals = Array.from({ length: 40 }, async (_, number) => {
      const client = new Client({
        host,
        port,
        user: `u${number}`,
        password: 'p',
        database: 'shop',
      });
      client.on('error', () => undefined);
      await assert.rejects(client.connect(), { code: '57P03' });
      return performance.now() - began;
    });
    const latest = Math.max(...(await Promise.all(refusals)));
    assert(latest < 8000, `the last one waited ${Math.round(latest)} ms`);
  });

  test('the database: cached users of AuthQuery can log in, a wrong password is refused, and other users get a temporary error', async () => {
    assert.equal(await who('seen', 'secret'), 'seen');
    await database.shutdown('immediate');
    await notJudged('unseen', 'secret', /ECONNREFUSED|no target serves now/);
    await assert.rejects(who('seen', 'wrong'), { code: '28P01' });
    const date = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
    const token = `localhost:5432/?Action=connect&DBUser=token&X-Amz-Date=${date}&X-Amz-Expires=900&X-Amz-Signature=0`;
    await notJudged('token', token, /ECONNREFUSED/);
    await sluice.logged(({ msg }) => msg === 'AuthQuery failed');
    // The cached secret accepts the password, so this client waits for the database.
    const waiting = who('seen', 'secret');
    await database.start();
    assert.equal(await waiting, 'seen');
    assert.equal(await who('unseen', 'secret'), 'unseen');
  });
});
