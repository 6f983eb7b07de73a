import type { Setting } from '../setting.ts';
import { since } from './common.ts';

const environmentVariable = {
  regexp: /^[A-Za-z_]\w*$/,
  doc: 'the name of an environment variable',
};

/** The users, and their credentials for the proxy and for the database. */
export const credentials = {
  Users: {
    type: 'list',
    default: [],
    reloadable: true,
    since,
    doc: 'The users who can log in to the proxy, and the credentials that the proxy uses for them at the database. Each user has at most one of `Password`, `PasswordFile`, `PasswordEnv` and `Verifier`. A user with none of them needs a database password or a `DatabaseUserName`, and authenticates with a certificate or a token (`ClientAuth`).',
    fields: {
      UserName: { type: 'string', required: true, doc: 'The user name that the client sends.' },
      Password: {
        type: 'string',
        secret: true,
        pattern: {
          regexp: /^(?!SCRAM-SHA-256\$|md5[0-9a-fA-F]{32}$)[^\0]+$/,
          doc: 'a password, not empty and not a verifier',
        },
        doc: 'The password of the client.',
      },
      PasswordFile: {
        type: 'file',
        doc: 'A file that contains only the password. The proxy ignores one line break at the end.',
      },
      PasswordEnv: {
        type: 'string',
        pattern: environmentVariable,
        doc: 'The environment variable that contains the password.',
      },
      Verifier: {
        type: 'string',
        secret: true,
        pattern: {
          regexp:
            /^(SCRAM-SHA-256\$(?:[1-9]\d{0,5}|1000000):([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=|md5[0-9a-f]{32})$/,
          doc: 'SCRAM-SHA-256$… or md5…, as in pg_authid.rolpassword',
        },
        doc: 'The value that PostgreSQL stores instead of the password (`rolpassword` in `pg_authid`): `SCRAM-SHA-256$…`, with at most a million iterations, or `md5…`. If the database has the same SCRAM verifier, the proxy logs in there with the SCRAM keys of a client that has authenticated. If the verifiers differ, or the proxy must log in before the first client does, set `DatabasePassword`.',
      },
      DatabaseUserName: {
        type: 'string',
        doc: 'The user name that the proxy uses at the database. The default is `UserName`.',
      },
      DatabasePassword: {
        type: 'string',
        secret: true,
        pattern: { regexp: /^[^\0]+$/, doc: 'a password, not empty' },
        doc: "The password that the proxy uses at the database. The default is the client's password.",
      },
      DatabasePasswordFile: { type: 'file', doc: 'A file that contains `DatabasePassword`.' },
      DatabasePasswordEnv: {
        type: 'string',
        pattern: environmentVariable,
        doc: 'The environment variable that contains `DatabasePassword`.',
      },
    },
  },
  Auth: {
    type: 'list',
    default: [],
    reloadable: true,
    since,
    doc: 'Additional users from AWS Secrets Manager, as with RDS Proxy. Each secret is JSON with `username` and `password`, which apply to the client and to the database. Each entry has exactly one of `SecretArn`, `SecretNamePrefix` and `SecretTag`. The proxy rereads secrets after a rotation, with the single-user or the alternating-users strategy: it tries the versions AWSCURRENT, AWSPENDING and AWSPREVIOUS at the database. While Secrets Manager does not respond, the proxy uses the values that it read last. An entry of `Users` with the same name takes precedence. This needs the AWS SDK, an optional dependency that npm installs by default.',
    fields: {
      SecretArn: {
        type: 'string',
        doc: 'The complete ARN of the secret, or its name in the region of `AWS_REGION`.',
      },
      SecretNamePrefix: {
        type: 'string',
        pattern: { regexp: /^[\w/+=.@-]+$/, doc: 'the prefix of secret names' },
        doc: 'All secrets whose name has this prefix, in the region of `AWS_REGION`. The proxy finds new secrets without a restart. Needs `secretsmanager:ListSecrets`.',
      },
      SecretTag: {
        type: 'string',
        pattern: { regexp: /^[^=]+(=.*)?$/, doc: 'KEY or KEY=VALUE' },
        doc: 'All secrets with this tag, `KEY` or `KEY=VALUE`. Otherwise it works like `SecretNamePrefix`.',
      },
      UsernameKey: {
        type: 'string',
        default: 'username',
        doc: 'The JSON key of the user name.',
      },
      PasswordKey: {
        type: 'string',
        default: 'password',
        doc: 'The JSON key of the password.',
      },
      UserName: {
        type: 'string',
        doc: 'The user name that clients send. The default is the user name in the secret. Set it with the alternating-users strategy, where the user name in the secret changes with each rotation.',
      },
      IAMAuth: {
        type: 'enum',
        values: ['DISABLED', 'REQUIRED', 'ENABLED'],
        default: 'DISABLED',
        doc: 'How clients authenticate as this user, as with RDS Proxy. `DISABLED`: with the password. `REQUIRED`: with an IAM token over TLS. `ENABLED`: with either, over TLS.',
      },
      ClientPasswordAuthType: {
        type: 'enum',
        values: ['POSTGRES_SCRAM_SHA_256', 'POSTGRES_MD5'],
        default: 'POSTGRES_SCRAM_SHA_256',
        doc: 'The authentication method for the password.',
      },
      Description: { type: 'string', doc: 'A comment. The proxy ignores it.' },
    },
  },
  SecretsRefreshInterval: {
    type: 'duration',
    min: 10,
    max: 86_400,
    default: 300,
    reloadable: true,
    since,
    doc: 'How often the proxy rereads the secrets of `Auth`. If the database or the proxy rejects a password, the proxy rereads the secret of that user immediately, but at most every two seconds.',
  },
  PasswordOverlap: {
    type: 'duration',
    min: 0,
    max: 86_400,
    default: 300,
    reloadable: true,
    since,
    doc: 'How long clients can still use the old password after a secret was rotated. 0 means not at all; set it after a password has leaked. The overlap does not apply to a password that you change in the settings or in a file.',
  },
  AuthQuery: {
    type: 'string',
    reloadable: true,
    since,
    doc: 'SQL that returns the verifier of a user who is not in `Users`, `AuthFile` or `Auth`. `$1` is the user name. The query returns one row with the user name and the verifier (or password), or no row. For example: `SELECT rolname, rolpassword FROM pg_authid WHERE rolname = $1 AND rolcanlogin`, or a call to a SECURITY DEFINER function. The proxy logs in to the database with the SCRAM keys of the authenticated client, so it needs no stored password.',
  },
  AuthQueryUser: {
    type: 'string',
    reloadable: true,
    since,
    doc: 'The database user that runs `AuthQuery`. The settings must contain its password. The default is the user of the health checks.',
  },
  AuthQueryDatabase: {
    type: 'string',
    default: 'postgres',
    reloadable: true,
    since,
    doc: 'The database in which `AuthQuery` runs.',
  },
  AuthQueryCacheTime: {
    type: 'duration',
    min: 0,
    max: 86_400,
    default: 60,
    reloadable: true,
    since,
    doc: 'How long the proxy caches the result of `AuthQuery`. After a wrong password it runs the query again, but at most every two seconds. While the database does not respond, the proxy uses the last result.',
  },
  AuthQueryNegativeCacheTime: {
    type: 'duration',
    min: 0,
    max: 3600,
    default: 5,
    reloadable: true,
    since,
    doc: 'How long the proxy caches that `AuthQuery` returned no row.',
  },
  TargetIamAuth: {
    type: 'boolean',
    default: false,
    reloadable: true,
    since,
    doc: 'Whether the proxy logs in to the database with AWS IAM tokens instead of passwords. The database user needs the role `rds_iam`. The proxy needs AWS credentials with `rds-db:connect`, and `TargetTlsMode` `verify-full` or `verify-ca`. It signs each token for the host name and port in the settings (or those that the RDS API or Aurora reports), uses it for all logins while it is valid, and renews it before it expires. The region comes from the host name, otherwise from `AWS_REGION`.',
  },
  AuthFile: {
    type: 'file',
    reloadable: true,
    since,
    doc: 'Additional users, in the format of PgBouncer\'s `userlist.txt`: one `"user" "password or verifier"` per line. An entry of `Users` with the same name takes precedence.',
  },
} as const satisfies Readonly<Record<string, Setting>>;
