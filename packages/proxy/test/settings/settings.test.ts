import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { suite, test } from 'node:test';
import { parseVerifier } from '@sluice/wire';
import { isRecord } from '../../src/json.ts';
import {
  createSettings,
  defaults,
  diffSettings,
  loadSettings,
  namedFiles,
  parseSettings,
  SettingsError,
  settingsTable,
  settingsWarnings,
} from '../../src/settings/index.ts';
import type { Settings } from '../../src/settings/index.ts';

const minimal = `TargetHost: db.internal
Users:
  - UserName: app
    Password: secret
`;

/** `where: message` for every problem of this text. */
function problems(text: string, env: NodeJS.ProcessEnv = {}): readonly string[] {
  try {
    parseSettings(text, 'sluice.yaml', env);
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return error.problems.map(({ where, message }) => `${where}: ${message}`);
  }
  return [];
}

const users = [{ UserName: 'app', Password: 'secret' }];

suite('reading settings', () => {
  test('fills in the defaults of RDS Proxy', () => {
    const settings = parseSettings(minimal, 'sluice.yaml', {});
    assert.deepEqual(
      {
        MaxConnectionsPercent: settings.MaxConnectionsPercent,
        MaxIdleConnectionsPercent: settings.MaxIdleConnectionsPercent,
        ConnectionBorrowTimeout: settings.ConnectionBorrowTimeout,
        IdleClientTimeout: settings.IdleClientTimeout,
        InitQuery: settings.InitQuery,
        RequireTLS: settings.RequireTLS,
        DebugLogging: settings.DebugLogging,
      },
      {
        MaxConnectionsPercent: 100,
        MaxIdleConnectionsPercent: 50,
        ConnectionBorrowTimeout: 120,
        IdleClientTimeout: 1800,
        InitQuery: '',
        RequireTLS: false,
        DebugLogging: false,
      },
    );
    assert.deepEqual(settings, { ...defaults, TargetHost: 'db.internal', Users: users });
  });

  test('fills in the defaults of the fields of lists', () => {
    const file = `${minimal}Endpoints:\n  - { EndpointName: reads, ListenPort: 6433 }\n`;
    assert.deepEqual(parseSettings(file, 'sluice.yaml', {}).Endpoints, [
      { EndpointName: 'reads', TargetRole: 'READ_ONLY', ListenPort: 6433 },
    ]);
  });

  test('has valid defaults', () => {
    const given = { ...defaults, TargetHost: 'db', Users: users };
    assert.deepEqual(createSettings(given), given);
  });

  test('freezes them deeply', () => {
    const settings = parseSettings(minimal, 'sluice.yaml', {});
    assert.ok(Object.isFrozen(settings));
    assert.ok(Object.isFrozen(settings.Users));
    assert.ok(Object.isFrozen(settings.Users[0]));
  });

  test('derives defaults from given values', () => {
    const settings = createSettings({
      TargetHost: 'db',
      Users: users,
      MaxConnectionsPercent: 25,
      TlsCertFile: '/cert.pem',
      TlsKeyFile: '/key.pem',
    });
    assert.equal(settings.MaxIdleConnectionsPercent, 12);
    assert.equal(settings.TlsMode, 'prefer');
  });

  test('prefers the environment to the file', () => {
    const env = {
      SLUICE_POOL_SIZE: '7',
      SLUICE_REQUIRE_TLS: 'false',
      SLUICE_TARGET_HOST: 'other',
      SLUICE_CONNECT_RETRY_MIN: '0.5',
    };
    const settings = parseSettings(`${minimal}PoolSize: 3\n`, 'sluice.yaml', env);
    assert.equal(settings.PoolSize, 7);
    assert.equal(settings.TargetHost, 'other');
    assert.equal(settings.ConnectRetryMin, 0.5);
  });

  test('follows anchors and aliases', () => {
    const settings = parseSettings(
      'TargetHost: &host db\nTargetTlsServerName: *host\nAuthFile: users.txt\n',
      'sluice.yaml',
      {},
    );
    assert.equal(settings.TargetTlsServerName, 'db');
  });
});

test('no two parts of the table have the same setting', async () => {
  const folder = path.join(import.meta.dirname, '../../src/settings/table');
  const names: string[] = [];
  for (const file of readdirSync(folder)) {
    if (file === 'common.ts') continue;
    const parts: unknown = await import(path.join(folder, file));
    assert.ok(isRecord(parts));
    for (const part of Object.values(parts)) {
      assert.ok(isRecord(part));
      names.push(...Object.keys(part));
    }
  }
  assert.deepEqual(names.sort(), Object.keys(settingsTable).sort());
});

suite('problems', () => {
  test('are all reported at once, with position, value and the valid values', () => {
    const text = `TargetHsot: db
ListenPort: 99999
RequireTLS: yes
TargetTlsMode: requre
Users:
  - UserName: app
    Password: 123
  - UserNam: b
    Verifier: abc
  - just a name
LogLevel:
InitQuery: [a]
Pools: none
PoolSize: 1.5
`;
    assert.deepEqual(problems(text, { SLUICE_LISTEN_PROT: '1', SLUICE_MIN_POOL_SIZE: 'few' }), [
      'SLUICE_LISTEN_PROT: no such setting; did you mean SLUICE_LISTEN_PORT?',
      'sluice.yaml:1:1: TargetHsot is not a setting; did you mean TargetHost?',
      'sluice.yaml:2:13: ListenPort is 99999; it must be a whole number from 0 to 65535',
      'sluice.yaml:3:13: RequireTLS is "yes"; it must be true or false',
      'sluice.yaml:4:16: TargetTlsMode is "requre"; it must be one of disable, prefer, require, verify-ca, verify-full; did you mean require?',
      'sluice.yaml:7:15: Users[0].Password is not valid; it must be a password, not empty and not a verifier; put it in quotes',
      'sluice.yaml:8:5: Users[1].UserNam is not a setting; did you mean UserName?',
      'sluice.yaml:9:15: Users[1].Verifier is not valid; it must be SCRAM-SHA-256$… or md5…, as in pg_authid.rolpassword',
      'sluice.yaml:8:5: Users[1].UserName is missing; it must be text',
      'sluice.yaml:10:5: Users[2] must be a group of settings: UserName, Password, PasswordFile, PasswordEnv, Verifier, DatabaseUserName, DatabasePassword, DatabasePasswordFile, DatabasePasswordEnv',
      'sluice.yaml:11:10: LogLevel has no value; it must be one of fatal, error, warn, info, debug, trace',
      'sluice.yaml:12:12: InitQuery is a list; it must be text',
      'sluice.yaml:13:8: Pools must be a list: lines that start with "- "',
      'sluice.yaml:14:11: PoolSize is 1.5; it must be a whole number from 0 to 100000 (connections)',
      'SLUICE_MIN_POOL_SIZE: MinPoolSize is "few"; it must be a whole number from 0 to 100000 (connections)',
      'sluice.yaml: TargetHost is missing; set it, or DBInstanceIdentifier, or DBClusterIdentifier',
    ]);
  });

  for (const Password of ['', 'md5c8a3bd3ef4ba5e4e6c5d1c4ad3b27c65', 'SCRAM-SHA-256$4096:x']) {
    test(`no password is ${JSON.stringify(Password)}`, () => {
      const text = `${minimal}  - { UserName: b, Password: '${Password}' }\n`;
      assert.deepEqual(problems(text), [
        'sluice.yaml:5:30: Users[1].Password is not valid; it must be a password, not empty and not a verifier',
      ]);
    });
  }

  test('never contain a secret', () => {
    const text = `${minimal}  - UserName: b\n    Verifier: topsecret\n  - UserName: c\n    Password: 4711\n`;
    assert.equal(problems(text).length, 2);
    assert.doesNotMatch(problems(text).join(), /topsecret|4711/);
  });

  test('contain the position of a YAML error', () => {
    assert.deepEqual(problems(`${minimal}PoolSize: 1\nPoolSize: 2\n`), [
      'sluice.yaml:6:1: Map keys must be unique',
    ]);
    assert.match(problems(`${minimal}LogLevel: "info\n`).join(), /^sluice\.yaml:6:1: /);
    assert.match(problems('- a\n').join(), /^sluice\.yaml:1:1: expected lines such as/);
  });

  test('do not result from the variables that Kubernetes sets for a service named sluice', () => {
    const env = { SLUICE_SERVICE_HOST: '10.0.0.1', SLUICE_PORT: 'tcp://10.0.0.1:6432' };
    assert.deepEqual(problems(minimal, env), []);
  });

  test('include settings that contradict each other', () => {
    const cases: readonly (readonly [string, string])[] = [
      ['AdminPort: 6432', '5:12: AdminPort and ListenPort are both 6432; change one of them'],
      [
        'TlsCertFile: c.pem',
        '5:14: TlsCertFile requires TlsKeyFile, the private key of the certificate',
      ],
      ['TlsKeyFile: k.pem', '5:13: TlsKeyFile requires TlsCertFile, the certificate for the key'],
      [
        'TlsMode: require',
        '5:10: TlsMode require requires a certificate; set TlsCertFile and TlsKeyFile',
      ],
      [
        'TlsCertFile: c.pem\nTlsKeyFile: k.pem\nTlsMode: verify-full',
        '7:10: TlsMode verify-full requires TlsCaFile, the certificate authorities for client certificates',
      ],
      [
        'RequireTLS: true',
        '5:13: RequireTLS is true and TlsMode is disable, so no client can connect; set TlsCertFile and TlsKeyFile',
      ],
      [
        'TargetTlsNegotiation: direct',
        '5:23: TargetTlsNegotiation direct cannot fall back to a plain connection; TargetTlsMode is prefer and must be require or stronger',
      ],
      [
        'MaxConnectionsPercent: 20\nMaxIdleConnectionsPercent: 21',
        '6:28: MaxIdleConnectionsPercent is 21; it must be at most MaxConnectionsPercent, 20',
      ],
      [
        'ListenSocket: run',
        '5:15: ListenSocket is "run"; it must be the absolute path of a directory',
      ],
      [
        'ListenSocketMode: 770',
        "5:19: ListenSocketMode is 770; it must be an octal mode in quotes, such as '0770'; put it in quotes",
      ],
      [
        'ListenSocket: /run\nEndpoints:\n  - { EndpointName: a, ListenPort: 6432, ListenHost: "::1" }',
        '7:5: Endpoints[0] (a) and the endpoint "default" both listen on /run/.s.PGSQL.6432; change one of the ports',
      ],
      [
        'ClientAuth:\n  - { Type: local, Method: md5 }',
        '6:3: ClientAuth has a rule with Type local, and no endpoint listens on a Unix socket; set ListenSocket',
      ],
      [
        'ListenSocket: /run\nTlsCertFile: c\nTlsKeyFile: k\nTlsCaFile: a\nClientAuth:\n  - { Type: local, Method: cert }',
        '10:5: ClientAuth[0] requires a client certificate, which a client on a Unix socket cannot present',
      ],
      [
        'TargetIamAuth: true\nTargetTlsMode: verify-full\nTargets:\n  - { Host: /run }',
        '5:16: TargetIamAuth requires host names, because AWS refuses tokens for anything else; replace /run with the name of the endpoint',
      ],
      ['PoolSize: 2\nMinPoolSize: 3', '6:14: MinPoolSize is 3; it must be at most PoolSize, 2'],
      ['ConnectRetryMin: 9', '5:18: ConnectRetryMin is 9; it must be at most ConnectRetryMax, 5'],
      [
        'Pools:\n  - { Database: a, User: "*" }\n  - { Database: a, User: "*" }',
        '7:5: Pools[1] (a, *) never applies, because Pools[0] is for the same pools; remove one of them',
      ],
      [
        'MinPoolSize: 4\nPools:\n  - { Database: a, User: "*", PoolSize: 3 }',
        '7:5: Pools[0] (a, *): MinPoolSize is 4; it must be at most PoolSize, 3',
      ],
    ];
    for (const [lines, expected] of cases) {
      assert.deepEqual(problems(`${minimal}${lines}\n`), [`sluice.yaml:${expected}`]);
    }
    assert.deepEqual(problems('TargetHost: db\n'), [
      'sluice.yaml: no client can log in; set Users, AuthFile or Auth',
    ]);
    assert.deepEqual(
      problems(`TargetHost: db
Users:
  - { UserName: a }
  - { UserName: b, Password: x, PasswordFile: y }
  - { UserName: b, Password: x }
`),
      [
        'sluice.yaml:3:5: Users[0] (a) has no password; set exactly one of Password, PasswordFile, PasswordEnv and Verifier',
        'sluice.yaml:4:5: Users[1] (b) has Password and PasswordFile; set exactly one of Password, PasswordFile, PasswordEnv and Verifier',
        'sluice.yaml:5:5: Users[2] (b) is a duplicate; remove one entry',
      ],
    );
  });

  test('do not include cleartext methods on a Unix socket', () => {
    const rules = 'ListenSocket: /run\nClientAuth:\n  - { Type: local, Method: password }\n';
    assert.deepEqual(problems(`${minimal}${rules}`), []);
  });

  test('of one setting do not cause a contradiction with another', () => {
    assert.deepEqual(problems(`${minimal}TlsCertFile: 5\nTlsKeyFile: k.pem\n`), [
      'sluice.yaml:5:14: TlsCertFile is 5; it must be the path of a file; put it in quotes',
    ]);
  });

  test('include unreadable files, relative to the settings file', (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'sluice-settings-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = path.join(folder, 'sluice.yaml');
    writeFileSync(path.join(folder, 'password'), 'secret');
    const text = 'TargetHost: db\nUsers:\n  - { UserName: a, PasswordFile: password }\n';

    writeFileSync(file, text);
    const settings = loadSettings(file, {});
    assert.deepEqual(namedFiles(settings), [path.join(folder, 'password')]);

    writeFileSync(file, `${text}AuthFile: none.txt\n`);
    assert.throws(() => loadSettings(file, {}), {
      name: 'SettingsError',
      message: `${file}:4:11: AuthFile: no such file or directory: '${path.join(folder, 'none.txt')}'`,
    });
    assert.throws(() => loadSettings(path.join(folder, 'other.yaml'), {}), {
      name: 'SettingsError',
      message: /other\.yaml: the settings file cannot be read \(no such file or directory: /,
    });
  });
});

suite('current settings', () => {
  const base: Settings = createSettings({ TargetHost: 'db', Users: users });

  test('show which changes need a restart', () => {
    assert.deepEqual(diffSettings(base, createSettings({ TargetHost: 'db', Users: users })), {
      changed: [],
      notReloadable: [],
    });
    const next = createSettings({
      TargetHost: 'db',
      Users: [{ UserName: 'app', Password: 'other' }],
      ListenPort: 7000,
    });
    assert.deepEqual(diffSettings(base, next), {
      changed: ['ListenPort', 'Users'],
      notReloadable: ['ListenPort'],
    });
  });

  test('a Verifier is valid exactly if the proxy can check it', () => {
    const key = `${'k'.repeat(43)}=`;
    for (const [verifier, isValid] of [
      [`SCRAM-SHA-256$1:c2FsdA==$${key}:${key}`, true],
      [`SCRAM-SHA-256$1000000:c2FsdA==$${key}:${key}`, true],
      [`SCRAM-SHA-256$1000001:c2FsdA==$${key}:${key}`, false],
      [`SCRAM-SHA-256$0:c2FsdA==$${key}:${key}`, false],
      [`SCRAM-SHA-256$4096:c2FsdA=$${key}:${key}`, false],
      [`SCRAM-SHA-256$4096:c2FsdA==$${key}:short`, false],
      ['', false],
    ] as const) {
      const Users = [{ UserName: 'app', Verifier: verifier }];
      if (isValid) createSettings({ TargetHost: 'db', Users });
      else
        assert.throws(() => createSettings({ TargetHost: 'db', Users }), SettingsError, verifier);
      assert.equal(parseVerifier(verifier) !== null, isValid, verifier);
    }
  });

  test('warn about a user who cannot log in to the database', () => {
    const Verifier = 'md5c8a3bd3ef4ba5e4e6c5d1c4ad3b27c65';
    const UserName = 'app';
    const warn = (Users: Settings['Users']): readonly string[] =>
      settingsWarnings(createSettings({ TargetHost: 'db', Users }));
    assert.match(
      warn([{ UserName, Verifier }]).join(),
      /^user app has a Verifier but no DatabasePassword: /,
    );
    assert.deepEqual(warn([{ UserName, Verifier, DatabasePassword: 'x' }]), []);
  });
});
