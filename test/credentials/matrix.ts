import { createHash, createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Signer } from '@aws-sdk/rds-signer';
import { makeCertificate } from '@sluice/testkit';
import type { Certificate, Postgres } from '@sluice/testkit';
import { startDatabase } from '../helpers/database.ts';
import type { Runtime } from '../helpers/runtime.ts';
import { Sluice } from '../helpers/sluice.ts';
import { FakeAws } from './fake-aws.ts';
import { Issuer } from './issuer.ts';
import { RdsDouble, awsKeys, awsRegion } from './rds-double.ts';

/** How a client authenticates. `scram-plus` is SCRAM that requires channel binding. */
export const clientMethods = [
  'scram',
  'scram-plus',
  'md5',
  'password',
  'cert',
  'iam',
  'sts',
  'jwt',
  'trust',
] as const;
export type ClientMethod = (typeof clientMethods)[number];

/** Proxies by their connection to the database, and the methods with which they log in there. */
export const ways = {
  /** TLS with a client certificate. */
  tls: ['trust', 'password', 'md5', 'scram', 'cert', 'keys'],
  /** Without TLS. */
  plain: ['trust', 'md5', 'scram', 'keys'],
  /** RDS, with a password in the secret. */
  rds: ['rds'],
  /** RDS, with IAM tokens for clients and database. */
  iam: ['iam'],
} as const;
export type Way = keyof typeof ways;

/** One login of a client. */
export interface Attempt {
  readonly user: string;
  readonly secret: string;
  readonly tls: boolean;
  /** Whether SCRAM must be bound to the TLS connection. */
  readonly binding: boolean;
  /** The files of a client certificate. */
  readonly certificate: { readonly cert: string; readonly key: string } | null;
}

/** The address that a driver connects to. */
export interface Place {
  readonly port: number;
  /** The file with the authority of the proxy's certificate, which is for `localhost`. */
  readonly caFile: string;
}

/** The user of a client in the database, or how it was refused. */
export type Outcome =
  { readonly user: string } | { readonly sqlstate: string; readonly message: string };

/** A driver that can log in. */
export interface Driver {
  readonly name: string;
  /** Whether it can require channel binding. */
  readonly canBind: boolean;
  /** Whether it reports the SQLSTATE of a refused login; libpq reports only the message. */
  readonly reportsSqlstate: boolean;
  logIn(attempt: Attempt, place: Place): Promise<Outcome>;
}

/** An expected refusal: the error of the client, and the reason in the log. */
export interface Denial {
  readonly title: string;
  readonly attempt: Attempt;
  readonly sqlstate: string;
  readonly why: RegExp;
}

const isPasswordMethod = (method: ClientMethod): boolean =>
  method === 'scram' || method === 'scram-plus' || method === 'md5' || method === 'password';

const account = 'arn:aws:iam::123456789012:role/';

/** Databases, authorities and issuers for all methods, and a proxy for each path, on `runtime`. */
export class Matrix {
  readonly #folder: string;
  readonly #certificate: Certificate;
  readonly #database: Postgres;
  readonly #rds: RdsDouble;
  readonly #issuer: Issuer;
  readonly #aws: FakeAws;
  readonly #proxies = new Map<Way, Sluice>();
  #verifier = '';

  private constructor(parts: {
    readonly folder: string;
    readonly certificate: Certificate;
    readonly database: Postgres;
    readonly rds: RdsDouble;
    readonly issuer: Issuer;
    readonly aws: FakeAws;
  }) {
    this.#folder = parts.folder;
    this.#certificate = parts.certificate;
    this.#database = parts.database;
    this.#rds = parts.rds;
    this.#issuer = parts.issuer;
    this.#aws = parts.aws;
  }

  static async start(runtime: Runtime = 'node'): Promise<Matrix> {
    const folder = await mkdtemp(path.join(tmpdir(), 'sluice-matrix-'));
    const certificate = await makeCertificate();
    const issuer = new Issuer();
    const aws = new FakeAws();
    const [database] = await Promise.all([
      startDatabase({
        tls: certificate,
        hba: [
          'host all d_trust,d_rds,d_iam 127.0.0.1/32 trust',
          'hostssl all d_password 127.0.0.1/32 password',
          'hostssl all d_cert 127.0.0.1/32 cert',
          'host all d_md5 127.0.0.1/32 md5',
          'host all all 127.0.0.1/32 scram-sha-256',
          '',
        ].join('\n'),
      }),
      issuer.start(),
      aws.start(),
    ]);
    const rds = await RdsDouble.start(database, certificate);
    const matrix = new Matrix({ folder, certificate, database, rds, issuer, aws });
    try {
      await matrix.#prepare();
      await Promise.all(
        (Object.keys(ways) as Way[]).map((way) => matrix.#startProxy(way, runtime)),
      );
    } catch (error) {
      await matrix.stop();
      throw error;
    }
    return matrix;
  }

  async #prepare(): Promise<void> {
    const other = await makeCertificate({ commonName: 'ci@others', authority: this.#certificate });
    const certificates = {
      server: this.#certificate,
      database: await makeCertificate({ commonName: 'd_cert', authority: this.#certificate }),
      client: await makeCertificate({ commonName: 'ci@jobs', authority: this.#certificate }),
      other,
      // Self-signed, under its own name.
      stranger: await makeCertificate({
        commonName: 'ci@jobs',
        authority: { ca: other.cert, caKey: other.key },
      }),
    };
    for (const [name, { cert, key, ca }] of Object.entries(certificates))
      for (const [kind, text] of Object.entries({ cert, key, ca }))
        // libpq refuses a key that others can read.
        await writeFile(this.#file(name, kind), text, { mode: 0o600 });
    const secret = (method: string): string => `'database: ${method}'`;
    await this.#database.query(
      `set password_encryption = 'md5'; create role d_md5 login password ${secret('md5')};
       set password_encryption = 'scram-sha-256';
       create role d_trust login; create role d_rds login; create role d_iam login;
       create role d_cert login;
       create role d_password login password ${secret('password')};
       create role d_scram login password ${secret('scram')};
       create role scram_keys login password 'client: scram'`,
    );
    const [role] = await this.#database.query<{ rolpassword: string }>(
      `select rolpassword from pg_authid where rolname = 'scram_keys'`,
    );
    this.#verifier = role?.rolpassword ?? '';
    this.#rds.passwords.set('d_rds', 'database: rds');
  }

  #file(name: string, kind: string): string {
    return path.join(this.#folder, `${name}.${kind}.pem`);
  }

  async #startProxy(way: Way, runtime: Runtime): Promise<void> {
    const isRds = way === 'rds' || way === 'iam';
    const Users: Record<string, string>[] = [];
    for (const method of clientMethods)
      for (const database of ways[way]) {
        const role = `d_${database}`;
        // The MD5 hash of a password includes the name of its user.
        const user = `${method}_${database}`;
        if (database === 'keys') {
          if (method === 'scram') Users.push({ UserName: user, Verifier: this.#verifier });
          continue;
        }
        Users.push({
          UserName: user,
          DatabaseUserName: role,
          ...(method === 'md5'
            ? { Verifier: md5Verifier(user, 'client: md5') }
            : isPasswordMethod(method)
              ? { Password: `client: ${method}` }
              : {}),
          ...(/^(?:password|md5|scram|rds)$/.test(database)
            ? { DatabasePassword: `database: ${database}` }
            : isPasswordMethod(method)
              ? { DatabasePassword: 'not asked for' }
              : {}),
        });
      }
    const file = (name: string, kind: string): string => this.#file(name, kind);
    const { ann, port } = { ann: this.#database.user, port: this.#rds.port };
    const jwt = { Issuer: this.#issuer.url, Audience: 'sluice', UserClaim: 'email', Map: 'people' };
    const proxy = await Sluice.start(
      this.#database,
      {
        ListenHost: '127.0.0.1',
        TargetHost: 'localhost',
        ...(isRds ? { TargetPort: port, HealthCheckUser: `d_${ways[way][0]}` } : {}),
        ...(way === 'plain'
          ? { TargetTlsMode: 'disable', TargetMd5WithoutTls: true }
          : { TargetTlsMode: 'verify-full', TargetTlsCaFile: file('server', 'ca') }),
        ...(way === 'tls'
          ? {
              TargetTlsCertFile: file('database', 'cert'),
              TargetTlsKeyFile: file('database', 'key'),
            }
          : {}),
        TargetIamAuth: way === 'iam',
        TlsCertFile: file('server', 'cert'),
        TlsKeyFile: file('server', 'key'),
        TlsCaFile: file('server', 'ca'),
        StsEndpoint: this.#aws.url,
        StsAudience: 'orders',
        LogLevel: 'info',
        Users: [...Users, { UserName: ann, Password: this.#database.password }],
        NameMaps: [
          { MapName: 'jobs', SystemUserName: 'ci@jobs', UserName: '/^cert_' },
          { MapName: 'people', SystemUserName: '/^(.*)@example\\.com$', UserName: '\\1' },
          { MapName: 'roles', SystemUserName: `${account}ci`, UserName: '/^sts_' },
        ],
        ClientAuth: [
          { User: '/^scram', Method: 'scram-sha-256' },
          { User: '/^md5_', Method: 'md5' },
          { User: '/^password_', Method: 'password' },
          { User: '/^cert_', Method: 'cert', Map: 'jobs' },
          { User: '/^iam_', Method: 'iam' },
          { User: '/^sts_', Method: 'sts', Map: 'roles' },
          { User: '/^jwt_', Method: 'jwt', ...jwt },
          { User: '/^trust_', Method: 'trust' },
        ],
      },
      runtime,
      undefined,
      {
        environment: {
          AWS_ACCESS_KEY_ID: awsKeys.accessKeyId,
          AWS_SECRET_ACCESS_KEY: awsKeys.secretAccessKey,
          AWS_REGION: awsRegion,
        },
      },
    );
    this.#proxies.set(way, proxy);
  }

  proxy(way: Way): Sluice {
    const proxy = this.#proxies.get(way);
    if (proxy === undefined) throw new Error(`there is no proxy for ${way}`);
    return proxy;
  }

  place(way: Way): Place {
    return { port: this.proxy(way).port, caFile: this.#file('server', 'ca') };
  }

  /**
   * The valid logins with this path, and the resulting database users. A sample has every method of the client, each
   * with a third of the database's.
   */
  async welcome(
    way: Way,
    isSample = false,
  ): Promise<{ readonly attempt: Attempt; readonly who: string }[]> {
    const found: { readonly attempt: Attempt; readonly who: string }[] = [];
    for (const [row, method] of clientMethods.entries())
      for (const [column, database] of ways[way].entries()) {
        if (isSample && ways[way].length > 1 && (row + column) % 3 !== 0) continue;
        // The database verifies the client's token, so it must be one that accepts tokens.
        if (method === 'iam' && way !== 'rds' && way !== 'iam') continue;
        if (database === 'keys' && method !== 'scram') continue;
        const who = database === 'keys' ? 'scram_keys' : `d_${database}`;
        for (const tls of [true, false]) {
          const needsTls = method !== 'scram' && method !== 'md5' && method !== 'trust';
          if (!tls && needsTls) continue;
          found.push({
            attempt: await this.#attempt(method, `${method}_${database}`, { tls }),
            who,
          });
        }
      }
    return found;
  }

  /** The invalid logins with this path. No user fails so often that a response is delayed. */
  async denials(way: Way): Promise<Denial[]> {
    const [database] = ways[way];
    const at = (method: ClientMethod): string => `${method}_${database}`;
    const found: Denial[] = [];
    const deny = async (
      title: string,
      method: ClientMethod,
      sqlstate: string,
      why: RegExp,
      more: Partial<Attempt> = {},
    ): Promise<void> => {
      const attempt = { ...(await this.#attempt(method, at(method))), ...more };
      found.push({ title: `${method}: ${title}`, attempt, sqlstate, why });
    };
    for (const method of ['scram', 'md5', 'password'] as const)
      await deny('a wrong password', method, '28P01', /the password is wrong/, { secret: 'wrong' });
    for (const method of ['scram', 'md5', 'password'] as const)
      await deny('a user who is not there', method, '28P01', /the user does not exist/, {
        user: `${method}_nobody`,
      });
    for (const method of ['password', 'jwt', 'sts', 'iam'] as const)
      await deny('without TLS', method, '28000', /requires TLS/, { tls: false });
    await deny('no rule', 'scram', '28000', /no rule matches/, { user: 'stranger' });
    for (const [title, name, why] of [
      ['no certificate', null, /UNABLE|there is none/],
      ['that of a stranger', 'stranger', /SELF_SIGNED|UNABLE|SIGNATURE/],
      ['that of somebody else', 'other', /it names "ci@others"/],
    ] as const)
      await deny(title, 'cert', '28000', why, { certificate: name && this.#certificateOf(name) });
    const email = `${at('jwt')}@example.com`;
    const [head, , signature] = (await this.#issuer.token({ email })).split('.');
    const claims = Buffer.from(JSON.stringify({ email, exp: 9_999_999_999 })).toString('base64url');
    await deny('an expired token', 'jwt', '28000', /"exp" claim/, {
      secret: await this.#issuer.token({ email }, '-5m'),
    });
    await deny('a tampered token', 'jwt', '28000', /signature verification failed/, {
      secret: `${head}.${claims}.${signature}`,
    });
    await deny("another's token", 'jwt', '28000', /who is not mapped to/, {
      secret: await this.#issuer.token({ email: 'eve@example.com' }),
    });
    await deny('an expired request', 'sts', '28000', /has expired/, {
      secret: this.#signed('ci', -3600),
    });
    await deny('a tampered request', 'sts', '28000', /SignatureDoesNotMatch/, {
      secret: this.#signed('ci').replace(/Signature=.{8}/, 'Signature=00000000'),
    });
    await deny("another role's request", 'sts', '28000', /who is not mapped to/, {
      secret: this.#signed('other'),
    });
    await deny('no token', 'iam', '28000', /not an IAM token/, { secret: 'wrong' });
    await deny("another's token", 'iam', '28000', /the token is for the user "d_other"/, {
      secret: await this.#token('d_other'),
    });
    if (way === 'rds' || way === 'iam')
      await deny('a tampered token', 'iam', '28000', /the database refused it/, {
        secret: (await this.#token(`d_${database}`)).replace(
          /Signature=.{8}/,
          'Signature=00000000',
        ),
      });
    return found;
  }

  async #attempt(
    method: ClientMethod,
    user: string,
    more: Partial<Attempt> = {},
  ): Promise<Attempt> {
    const database = user.slice(method.length + 1);
    const secret = async (): Promise<string> => {
      switch (method) {
        case 'iam':
          return this.#token(`d_${database}`);
        case 'sts':
          return this.#signed('ci');
        case 'jwt':
          return this.#issuer.token({ email: `${user}@example.com` });
        default:
          return isPasswordMethod(method) ? `client: ${method}` : '';
      }
    };
    return {
      user,
      secret: await secret(),
      tls: true,
      binding: method === 'scram-plus',
      certificate: method === 'cert' ? this.#certificateOf('client') : null,
      ...more,
    };
  }

  #certificateOf(name: string): { readonly cert: string; readonly key: string } {
    return { cert: this.#file(name, 'cert'), key: this.#file(name, 'key') };
  }

  #token(username: string): Promise<string> {
    const at = { hostname: 'localhost', port: this.#rds.port, username, region: awsRegion };
    return new Signer({ ...at, credentials: awsKeys }).getAuthToken();
  }

  /** A request that makes AWS confirm its signer: this role; signed this many seconds from now. */
  #signed(role: string, when = 0): string {
    const date = new Date(Date.now() + when * 1000).toISOString().replaceAll(/[-:]|\.\d+/g, '');
    const signature = createHmac('sha256', role).update(date).digest('hex');
    this.#aws.callers.set(signature, `arn:aws:sts::123456789012:assumed-role/${role}/session`);
    const query = new URLSearchParams({
      Action: 'GetCallerIdentity',
      Version: '2011-06-15',
      'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
      'X-Amz-Credential': `testing/${date.slice(0, 8)}/${awsRegion}/sts/aws4_request`,
      'X-Amz-Date': date,
      'X-Amz-Expires': '60',
      'X-Amz-SignedHeaders': 'host;x-sluice-audience',
      'X-Amz-Signature': signature,
    });
    return `https://sts.${awsRegion}.amazonaws.com/?${query}`;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.kill()));
    await this.#rds.stop();
    await Promise.all([this.#issuer.stop(), this.#aws.stop(), this.#database.stop('immediate')]);
    await rm(this.#folder, { recursive: true });
  }
}

function md5Verifier(user: string, password: string): string {
  return `md5${createHash('md5')
    .update(password + user)
    .digest('hex')}`;
}
