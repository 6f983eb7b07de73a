import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Signer } from '@aws-sdk/rds-signer';
import { makeCertificate } from '@sluice/testkit';
import type { Certificate, Postgres } from '@sluice/testkit';
import { generateKeyPair } from 'jose';
import { Client } from 'pg';
import type { ClientConfig } from 'pg';
import postgres from 'postgres';
import { Issuer } from '../credentials/issuer.ts';
import { startDatabase } from '../helpers/database.ts';
import { fieldsOf, message, sslRequest, startupPacket } from '../helpers/messages.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { Sluice } from '../helpers/sluice.ts';

const roles = ['scram', 'md5', 'clear', 'cert', 'jwt', 'oauth', 'trusted', 'nobody'] as const;
const passwordOf = (role: string): string => `the password of ${role}`;

suite('authentication of clients', () => {
  let certificate: Certificate;
  let clientCertificate: Certificate;
  let strange: Certificate;
  let database: Postgres;
  let folder: string;
  const issuer = new Issuer();
  let iamToken: string;

  before(async () => {
    certificate = await makeCertificate();
    clientCertificate = await makeCertificate({ commonName: 'ci@jobs', authority: certificate });
    strange = await makeCertificate({ commonName: 'ci@jobs' });
    folder = await mkdtemp(path.join(tmpdir(), 'sluice-auth-'));
    for (const name of ['cert', 'key', 'ca'] as const)
      await writeFile(path.join(folder, `${name}.pem`), certificate[name]);
    await issuer.start();
    database = await startDatabase({
      tls: certificate,
      hba: [
        'hostssl all iam 127.0.0.1/32 password',
        'host all weak 127.0.0.1/32 md5',
        'host all all 127.0.0.1/32 scram-sha-256',
        '',
      ].join('\n'),
    });
    for (const role of roles)
      await database.query(`create role ${role} login password '${passwordOf(role)}'`);
    iamToken = await new Signer({
      hostname: 'localhost',
      port: database.port,
      username: 'iam',
      region: 'eu-west-3',
      credentials: { accessKeyId: 'testing', secretAccessKey: 'testing' },
    }).getAuthToken();
    // Where RDS would verify the signature, this database compares the token.
    await database.query(`create role iam login password '${iamToken}'`);
  });
  after(async () => {
    await database.stop('immediate');
    await issuer.stop();
    await rm(folder, { recursive: true });
  });

  for (const runtime of ['node', 'bun'] as const) {
    suite(runtime, () => {
      let sluice: Sluice;
      before(async () => {
        const file = (name: string): string => path.join(folder, `${name}.pem`);
        const oidc = {
          Issuer: issuer.url,
          Audience: 'sluice',
          Scope: 'db',
          UserClaim: 'email',
          Map: 'people',
        };
        sluice = await Sluice.start(
          database,
          {
            TargetHost: 'localhost',
            TlsCertFile: file('cert'),
            TlsKeyFile: file('key'),
            TlsCaFile: file('ca'),
            TargetTlsMode: 'verify-full',
            TargetTlsCaFile: file('ca'),
            LogLevel: 'debug',
            Users: [
              { UserName: 'ann', Password: database.password },
              ...['scram', 'md5', 'clear', 'nobody', 'trusted'].map((role) => ({
                UserName: role,
                Password: passwordOf(role),
              })),
              ...['cert', 'jwt', 'oauth'].map((role) => ({
                UserName: role,
                DatabasePassword: passwordOf(role),
              })),
              { UserName: 'iam', DatabasePassword: iamToken },
            ],
            NameMaps: [
              { MapName: 'jobs', SystemUserName: '/^(.*)@jobs$', UserName: 'cert' },
              { MapName: 'people', SystemUserName: '/^(.*)@example\\.com$', UserName: '\\1' },
            ],
            ClientAuth: [
              { User: 'nobody', Method: 'reject' },
              { Address: '10.0.0.0/8', Method: 'trust' },
              { User: 'cert', Method: 'cert', Map: 'jobs' },
              { User: 'clear', Method: 'password' },
              { User: 'md5', Method: 'md5' },
              { User: 'jwt', Method: 'jwt', ...oidc },
              { User: 'oauth', Method: 'oauth', ...oidc },
              { User: 'iam', Method: 'iam' },
              { User: 'trusted', Database: 'shop', Method: 'trust' },
              { Type: 'hostssl', User: '/^scram$', Method: 'scram-sha-256', ClientCert: 'no' },
              { User: 'ann', Method: 'scram-sha-256' },
            ],
          },
          runtime,
        );
      });
      after(async () => {
        try {
          assert.equal(await sluice.stop(), 0);
        } finally {
          await sluice.kill();
        }
      });

      function config(user: string, more: ClientConfig = {}): ClientConfig {
        const ssl = more.ssl ?? { ca: certificate.ca };
        return { host: sluice.host, port: sluice.port, user, database: 'shop', ...more, ssl };
      }

      async function who(options: ClientConfig): Promise<string | undefined> {
        const client = new Client(options);
        client.on('error', () => undefined);
        try {
          await client.connect();
          const { rows } = await client.query<{ who: string }>('select current_user as who');
          return rows[0]?.who;
        } finally {
          await client.end().catch(() => undefined);
        }
      }

      /** The client is refused with the SQLSTATE, and only the log says why. */
      async function refused(
        options: ClientConfig,
        sqlstate: string,
        why: RegExp,
        clientError: RegExp,
      ): Promise<void> {
        const before = sluice.log.length;
        await assert.rejects(who(options), (error: Error & { code?: string; detail?: string }) => {
          assert.equal(error.code, sqlstate, error.message);
          assert.match(error.message, clientError);
          assert.doesNotMatch(error.message, why);
          return true;
        });
        await sluice.logged(
          (line) =>
            sluice.log.indexOf(line) >= before &&
            line.msg === 'client login failed' &&
            why.test(String(line['why'])) &&
            line['user'] === options.user &&
            typeof line['address'] === 'string',
        );
      }

      const plain = { ssl: false };

      test('passwords: SCRAM over TLS, MD5 and cleartext', async () => {
        assert.equal(await who(config('scram', { password: passwordOf('scram') })), 'scram');
        assert.equal(
          await who(config('scram', { password: passwordOf('scram'), enableChannelBinding: true })),
          'scram',
        );
        assert.equal(await who(config('md5', { password: passwordOf('md5') })), 'md5');
        assert.equal(await who(config('md5', { password: passwordOf('md5'), ...plain })), 'md5');
        assert.equal(await who(config('clear', { password: passwordOf('clear') })), 'clear');
        assert.equal(await who(config('ann', { password: database.password, ...plain })), 'ann');
        for (const user of ['scram', 'md5', 'clear', 'ann'])
          await refused(
            config(user, { password: 'wrong' }),
            '28P01',
            /the password is wrong/,
            /^password authentication failed for user/,
          );
      });

      test('postgres.js authenticates with the same rules', async () => {
        for (const [user, password] of [
          ['scram', passwordOf('scram')],
          ['clear', passwordOf('clear')],
          ['jwt', await issuer.token({ email: 'jwt@example.com' })],
          ['iam', iamToken],
        ] as const) {
          const { host, port } = sluice;
          const open = (secret: string): postgres.Sql =>
            postgres({
              host,
              port,
              user,
              password: secret,
              database: 'shop',
              ssl: { ca: certificate.ca },
              max: 1,
              onnotice: () => undefined,
            });
          const sql = open(password);
          assert.equal((await sql`select current_user as who`)[0]?.['who'], user);
          await sql.end();
          const wrong = open('wrong');
          await assert.rejects(wrong`select 1`, /authentication failed/);
          await wrong.end();
        }
      });

      test('rules: no rule, reject, an unknown user, and missing TLS', async () => {
        await refused(
          config('scram', { password: passwordOf('scram'), ...plain }),
          '28000',
          /no rule matches/,
          /^no pg_hba\.conf entry for host "127\.0\.0\.1", user "scram", database "shop", no encryption$/,
        );
        await refused(
          config('nobody', { password: passwordOf('nobody') }),
          '28000',
          /ClientAuth\[0\]: reject/,
          /^no pg_hba\.conf entry for host/,
        );
        await refused(
          config('stranger', { password: 'x' }),
          '28000',
          /no rule matches/,
          /no pg_hba/,
        );
        await assert.rejects(who(config('clear', { password: passwordOf('clear'), ...plain })), {
          code: '28000',
          message: 'this proxy requires TLS connections',
        });
      });

      test('trust: only in its database', async () => {
        assert.equal(await who(config('trusted')), 'trusted');
        await refused(
          config('trusted', { database: 'postgres' }),
          '28000',
          /no rule matches/,
          /no pg_hba/,
        );
      });

      test('a client certificate, with a user name map', async () => {
        const { cert, key } = clientCertificate;
        assert.equal(await who(config('cert', { ssl: { ca: certificate.ca, cert, key } })), 'cert');
        const clientError = /^the client certificate was not accepted$/;
        await refused(config('cert'), '28000', /UNABLE/, clientError);
        await refused(
          config('cert', { ssl: { ca: certificate.ca, cert: strange.cert, key: strange.key } }),
          '28000',
          /SELF_SIGNED|UNABLE|CERT_SIGNATURE_FAILURE/,
          clientError,
        );
        const other = await makeCertificate({ commonName: 'ci@other', authority: certificate });
        await refused(
          config('cert', { ssl: { ca: certificate.ca, cert: other.cert, key: other.key } }),
          '28000',
          /it names "ci@other", not "cert"/,
          clientError,
        );
      });

      test('a JSON Web Token as the password', async () => {
        const login = (password: string): ClientConfig => config('jwt', { password });
        const email = 'jwt@example.com';
        assert.equal(await who(login(await issuer.token({ email }))), 'jwt');
        const good = await issuer.token({ email });
        const [head, , signature] = good.split('.');
        const claims = Buffer.from(JSON.stringify({ email, exp: 9_999_999_999 })).toString(
          'base64url',
        );
        const { privateKey } = await generateKeyPair('RS256');
        for (const [token, why] of [
          ['nonsense', /Invalid Compact JWS/],
          [`${head}.${claims}.${signature}`, /signature verification failed/],
          [await issuer.token({ email }, '5m', privateKey), /signature verification failed/],
          [await issuer.token({ email }, '-5m'), /"exp" claim timestamp check failed/],
          [await issuer.token({ email, scope: 'read' }), /lacks the scope db/],
          [await issuer.token({ email: 'eve@example.com' }), /who is not mapped to "jwt"/],
          [await issuer.token({ email: 'jwt@example.com.evil.org' }), /who is not mapped to "jwt"/],
          [await issuer.token({ sub: email }), /no string claim email/],
        ] as const)
          await refused(login(token), '28000', why, /^jwt authentication failed for user "jwt"$/);
        await assert.rejects(who(config('jwt', { password: good, ...plain })), { code: '28000' });
      });

      test('SASL OAUTHBEARER, as in libpq of PostgreSQL 18', async () => {
        const begin = async (response: string): Promise<RawClient> => {
          const { host, port } = sluice;
          const client = await RawClient.open({
            host,
            port,
            user: 'oauth',
            password: '',
            database: 'shop',
          });
          assert.equal(await client.negotiate(sslRequest), 'S');
          await client.startTls({ ca: certificate.ca, servername: 'localhost' });
          client.send(startupPacket({ user: 'oauth', database: 'shop' }));
          const offer = await client.next();
          assert.equal(offer.body.toString('latin1', 4), 'OAUTHBEARER\0\0');
          const data = Buffer.from(response);
          const length = Buffer.alloc(4);
          length.writeInt32BE(data.length);
          client.send(message('p', Buffer.concat([Buffer.from('OAUTHBEARER\0'), length, data])));
          return client;
        };
        const token = await issuer.token({ email: 'oauth@example.com' });
        const client = await begin(`n,,\x01auth=Bearer ${token}\x01\x01`);
        assert.equal((await client.next()).body.readUInt32BE(0), 0);
        await client.ready();
        await client.end();

        for (const response of [
          'n,,\x01auth=\x01\x01',
          `n,,\x01auth=Bearer ${await issuer.token({ email: 'eve@example.com' })}\x01\x01`,
        ]) {
          const other = await begin(response);
          const challenge = await other.next();
          assert.equal(challenge.body.readUInt32BE(0), 11);
          assert.deepEqual(JSON.parse(challenge.body.toString('utf8', 4)), {
            status: 'invalid_token',
            'openid-configuration': `${issuer.url}/.well-known/openid-configuration`,
            scope: 'db',
          });
          other.send(message('p', Buffer.from('\x01')));
          const [error] = await other.untilClosed();
          assert(error !== undefined);
          assert.equal(fieldsOf(error)['C'], '28000');
          assert.equal(fieldsOf(error)['M'], 'oauth authentication failed for user "oauth"');
        }
      });

      test('an IAM token, which the database verifies', async () => {
        assert.equal(await who(config('iam', { password: iamToken })), 'iam');
        const clientError = /^iam authentication failed for user "iam"$/;
        const changed = (name: string, value: string): string => {
          const url = new URL(`https://${iamToken}`);
          url.searchParams.set(name, value);
          return url.href.slice('https://'.length);
        };
        for (const [token, why] of [
          ['wrong', /not an IAM token/],
          [changed('DBUser', 'ann'), /the token is for the user "ann"/],
          [changed('X-Amz-Signature', '0'.repeat(64)), /the database refused it: password auth/],
          [changed('X-Amz-Date', '20200101T000000Z'), /the token has expired/],
        ] as const)
          await refused(config('iam', { password: token }), '28000', why, clientError);
        await assert.rejects(who(config('iam', { password: iamToken, ...plain })), {
          code: '28000',
        });
      });
    });
  }
});
