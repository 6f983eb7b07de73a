import type { Setting } from '../setting.ts';
import { since } from './common.ts';

const httpsUrl = {
  regexp: /^(https:\/\/|http:\/\/(localhost|127\.0\.0\.1)[:/])[^\s]+$/,
  doc: 'an https URL',
};

/** How clients authenticate. */
export const clientAuthentication = {
  ClientAuth: {
    type: 'list',
    default: [],
    reloadable: true,
    since,
    doc: 'Authentication rules, as in `pg_hba.conf`. The first rule that matches a client applies. The proxy refuses a client that matches no rule (SQLSTATE 28000). Without rules and without `HbaFile`, every user of `Users`, `AuthFile`, `Auth` and `AuthQuery` authenticates with a password.',
    fields: {
      Type: {
        type: 'enum',
        values: ['host', 'hostssl', 'hostnossl', 'local'],
        default: 'host',
        doc: '`hostssl`: clients with TLS. `hostnossl`: clients without TLS. `host`: both. `local`: clients on a Unix socket, which the other types never match.',
      },
      Database: {
        type: 'string',
        default: 'all',
        doc: 'Databases, separated by commas, as in `pg_hba.conf`: names, `all`, `sameuser`, `replication`, or a regular expression after a slash.',
      },
      User: {
        type: 'string',
        default: 'all',
        doc: 'Users, separated by commas: names, `all`, or a regular expression after a slash.',
      },
      Address: {
        type: 'string',
        default: 'all',
        doc: 'Client addresses, separated by commas: `10.0.0.0/8`, `fd00::/8`, or `all`. A client on a Unix socket has no address.',
      },
      Method: {
        type: 'enum',
        values: [
          'scram-sha-256',
          'md5',
          'password',
          'cert',
          'iam',
          'sts',
          'jwt',
          'oauth',
          'trust',
          'reject',
        ],
        required: true,
        doc: 'How clients authenticate; docs/security.md compares the methods. `scram-sha-256`: SCRAM, with channel binding if the client supports it. `md5`: SCRAM, or MD5 for users with an MD5 verifier. `password`: a cleartext password over TLS. `cert`: a client certificate. `iam`: an RDS IAM token, as a password over TLS. `sts`: a signed GetCallerIdentity request, as a password over TLS. `jwt`: a JSON Web Token, as a password over TLS. `oauth`: a JSON Web Token, with SASL OAUTHBEARER. `trust`: no authentication. `reject`: the proxy refuses the client.',
      },
      ClientCert: {
        type: 'enum',
        values: ['no', 'verify-ca', 'verify-full'],
        default: 'no',
        doc: 'Whether the client must also present a certificate signed by an authority in `TlsCaFile`. With `verify-full`, its common name must also match the user.',
      },
      Map: {
        type: 'string',
        doc: 'The map in `NameMaps` or `IdentFile` from an external name to users. The external name is the common name of a certificate, the ARN of a role, or the claim of a token. Without a map, the external name must be the user name.',
      },
      Issuer: {
        type: 'string',
        pattern: httpsUrl,
        doc: 'For `jwt` and `oauth`: the required issuer of the token. The proxy finds its keys by OpenID Connect discovery.',
      },
      Audience: {
        type: 'string',
        doc: 'For `jwt` and `oauth`: the required audience of the token. It is mandatory, since otherwise the proxy would accept a token that was issued for another service.',
      },
      Scope: {
        type: 'string',
        default: '',
        doc: 'For `jwt` and `oauth`: the required scopes of the token, separated by spaces.',
      },
      UserClaim: {
        type: 'string',
        default: 'sub',
        doc: 'For `jwt` and `oauth`: the claim that contains the user name, or the external name that `Map` maps to a user.',
      },
      KeySetUrl: {
        type: 'string',
        pattern: httpsUrl,
        doc: 'For `jwt` and `oauth`: the URL of the key set of the issuer, if the issuer does not support discovery.',
      },
    },
  },
  HbaFile: {
    type: 'file',
    reloadable: true,
    since,
    doc: 'A `pg_hba.conf`, unchanged. Its lines follow the rules of `ClientAuth`. Lines for `local` connections match clients on a Unix socket (`ListenSocket`). If the proxy does not support a line (because of its method, a group of users or a host name), it refuses the clients that may match the line, and logs a warning at startup.',
  },
  IdentFile: {
    type: 'file',
    reloadable: true,
    since,
    doc: 'A `pg_ident.conf`, unchanged, with user name maps for `ClientAuth` and `HbaFile`.',
  },
  NameMaps: {
    type: 'list',
    default: [],
    reloadable: true,
    since,
    doc: 'User name maps, as in `pg_ident.conf`.',
    fields: {
      MapName: {
        type: 'string',
        required: true,
        doc: 'The name of the map. Entries with the same name form one map.',
      },
      SystemUserName: {
        type: 'string',
        required: true,
        doc: 'The authenticated external name: a literal, or a regular expression after a slash.',
      },
      UserName: {
        type: 'string',
        required: true,
        doc: 'The user that the client can log in as, or `all`. `\\1` is the first capture of the regular expression.',
      },
    },
  },
  StsEndpoint: {
    type: 'string',
    pattern: { regexp: /^https?:\/\/[^/?#]+\/?$/, doc: 'a URL without a path' },
    reloadable: true,
    since,
    doc: 'Where the proxy sends the signed GetCallerIdentity requests of the method `sts`, for example a VPC endpoint. The default is the host that the client signed the request for, which must be a host of AWS STS.',
  },
  StsAudience: {
    type: 'string',
    default: '',
    reloadable: true,
    since,
    doc: 'The required value of the signed header `x-sluice-audience` in a request of the method `sts`. It prevents the replay of a request that a client sent to another service. If it is empty, the proxy does not check the header.',
  },
} as const satisfies Readonly<Record<string, Setting>>;
