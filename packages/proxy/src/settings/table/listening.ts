import type { Setting } from '../setting.ts';
import { port, since } from './common.ts';

const directory = {
  regexp: /^\/[^\0]*$/,
  doc: 'the absolute path of a directory',
};
const token = { regexp: /^[\x21-\x7e]{16,}$/, doc: 'at least 16 visible ASCII characters' };

/** Where the proxy listens: endpoints for clients, and the admin port. */
export const listening = {
  ListenHost: {
    type: 'string',
    default: '127.0.0.1',
    reloadable: false,
    since,
    doc: 'The address that the default endpoint listens on. `0.0.0.0` or `::` means every interface.',
  },
  ListenPort: {
    ...port,
    default: 6432,
    reloadable: false,
    since,
    doc: 'The port that the default endpoint listens on. 0 picks a free port.',
  },
  ListenSocket: {
    type: 'string',
    pattern: directory,
    reloadable: false,
    since,
    doc: 'The directory of a Unix socket on which endpoints also listen, as `unix_socket_directories` of PostgreSQL. The file is `.s.PGSQL.` and the port of the endpoint, as clients expect: `psql -h /run/sluice -p 6432`. Connections to it use no TLS and need none. The proxy replaces the file of a process that has ended, and removes its own file when it stops accepting clients.',
  },
  ListenSocketMode: {
    type: 'string',
    default: '0777',
    pattern: { regexp: /^0?[0-7]{3}$/, doc: "an octal mode in quotes, such as '0770'" },
    reloadable: false,
    since,
    doc: 'The permissions of the `ListenSocket` file: anyone who can write to it can connect. The default, as in PostgreSQL, admits everyone who has access to the directory.',
  },
  AdminHost: {
    type: 'string',
    default: '127.0.0.1',
    reloadable: false,
    since,
    doc: 'The address of the admin port, or the path of a Unix socket. File permissions control access to the socket. Connections to a loopback address need no token. On any other address, requests other than `/healthz` and `/readyz` need `AdminToken`, `AdminReadOnlyToken` or a client certificate (`AdminTlsCaFile`).',
  },
  AdminPort: {
    ...port,
    default: 9127,
    reloadable: false,
    since,
    doc: 'The admin port. 0 picks a free port.',
  },

  AdminToken: {
    type: 'string',
    secret: true,
    pattern: token,
    reloadable: true,
    since,
    doc: 'The token for full access to the admin port, including pause, resume and drain. Clients send it as `Authorization: Bearer TOKEN`. If this setting or `AdminReadOnlyToken` is set, connections to a loopback address need a token too.',
  },
  AdminTokenFile: {
    type: 'file',
    reloadable: true,
    since,
    doc: 'A file that contains the token. `AdminToken` takes precedence.',
  },
  AdminReadOnlyToken: {
    type: 'string',
    secret: true,
    pattern: token,
    reloadable: true,
    since,
    doc: 'The token for read-only access to metrics and status.',
  },
  AdminReadOnlyTokenFile: {
    type: 'file',
    reloadable: true,
    since,
    doc: 'A file that contains the token. `AdminReadOnlyToken` takes precedence.',
  },
  AdminTlsCertFile: {
    type: 'file',
    reloadable: false,
    since,
    doc: 'PEM file with the certificate of the admin port. If it is set, the admin port accepts only TLS.',
  },
  AdminTlsKeyFile: {
    type: 'file',
    reloadable: false,
    since,
    doc: 'PEM file with the private key of `AdminTlsCertFile`.',
  },
  AdminTlsCaFile: {
    type: 'file',
    reloadable: false,
    since,
    doc: 'PEM file with certificate authorities. A client whose certificate one of them signed has full access to the admin port without a token.',
  },

  AdminHostNames: {
    type: 'string',
    default: '',
    reloadable: true,
    since,
    doc: 'Additional host names that the admin port accepts in requests, separated by commas. It always accepts IP addresses, `AdminHost`, names without a dot, and names under `localhost`, `local` and `internal`. It answers 421 to any other name, as protection against DNS rebinding.',
  },

  Endpoints: {
    type: 'list',
    default: [],
    reloadable: false,
    since,
    doc: 'Endpoints in addition to the default one, which listens on `ListenPort` and has the role `READ_WRITE`.',
    fields: {
      EndpointName: {
        type: 'string',
        required: true,
        pattern: { regexp: /^[A-Za-z][\w-]*$/, doc: 'letters, digits, - and _, a letter first' },
        doc: 'The name of the endpoint in metrics and logs.',
      },
      TargetRole: {
        type: 'enum',
        values: ['READ_WRITE', 'READ_ONLY'],
        default: 'READ_ONLY',
        doc: '`READ_WRITE`: the writer serves the endpoint. `READ_ONLY`: the standbys serve it. Each lease goes to the standby with the fewest leases relative to its `max_connections`.',
      },
      ListenPort: {
        ...port,
        required: true,
        doc: 'The port that the endpoint listens on. 0 picks a free port.',
      },
      ListenHost: {
        type: 'string',
        doc: 'The address that the endpoint listens on. The default is the global `ListenHost`.',
      },
      ListenSocket: {
        type: 'string',
        pattern: directory,
        doc: 'The directory of the Unix socket of the endpoint. The default is the global `ListenSocket`.',
      },
    },
  },
} as const satisfies Readonly<Record<string, Setting>>;
