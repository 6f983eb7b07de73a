import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { AuthRequest } from '../../src/authentication/auth-rule.ts';
import { readHbaFile, readIdentFile } from '../../src/authentication/hba-file.ts';
import { mayBe } from '../../src/authentication/name-map.ts';

const request: AuthRequest = {
  address: '10.1.2.3',
  isLocal: false,
  isTls: true,
  user: 'ann',
  database: 'shop',
  replication: null,
};

/** A client on a Unix socket. */
const local = { address: undefined, isLocal: true, isTls: false } as const;

/** The method of the matching line; undefined if there is none. */
function methodFor(text: string, changes: Partial<AuthRequest> = {}): string | undefined {
  const { rules } = readHbaFile(text, 'hba', true);
  return rules.find((rule) => rule.fits({ ...request, ...changes }))?.method;
}

suite('pg_hba.conf', () => {
  test('the file from initdb is parsed', () => {
    const { rules, warnings } = readHbaFile(
      [
        '# TYPE  DATABASE        USER            ADDRESS                 METHOD',
        '# "local" is for Unix domain socket connections only',
        'local   all             all                                     trust',
        '# IPv4 local connections:',
        'host    all             all             127.0.0.1/32            scram-sha-256',
        'host    all             all             ::1/128                 scram-sha-256',
        'local   replication     all                                     trust',
        'host    replication     all             127.0.0.1/32            trust',
      ].join('\n'),
      'hba',
    );
    assert.deepEqual(
      rules.map(({ where, method }) => [where, method]),
      [
        ['hba, line 5', 'scram-sha-256'],
        ['hba, line 6', 'scram-sha-256'],
        ['hba, line 8', 'trust'],
      ],
    );
    assert.deepEqual(warnings, [
      'hba, line 3: it is for local connections, and ListenSocket is not set, so it matches no client',
      'hba, line 7: it is for local connections, and ListenSocket is not set, so it matches no client',
      'hba, line 8: matching clients are not authenticated (trust)',
    ]);
  });

  for (const [line, changes, method] of [
    ['host all all 10.0.0.0/8 md5', {}, 'md5'],
    ['host all all 10.0.0.0 255.0.0.0 md5', {}, 'md5'],
    ['host all all 10.1.2.3 255.255.255.255 md5', {}, 'md5'],
    ['host all all 10.2.0.0/16 md5', {}, undefined],
    ['host all all 10.0.0.0/8 md5', { address: '::ffff:10.9.9.9' }, 'md5'],
    ['host all all fd00::/8 md5', { address: 'fd12::1' }, 'md5'],
    ['host all all fd00:: ff00:: md5', { address: 'fd12::1' }, 'md5'],
    ['host all all 0.0.0.0/0 md5', { address: 'fd12::1' }, undefined],
    ['host all all all md5', { address: 'fd12::1' }, 'md5'],
    ['host all all all md5', { address: undefined }, 'md5'],
    ['host all all 0.0.0.0/0 md5', { address: undefined }, undefined],
    ['hostssl all all all md5', {}, 'md5'],
    ['hostssl all all all md5', { isTls: false }, undefined],
    ['hostnossl all all all md5', {}, undefined],
    ['hostgssenc all all all md5', {}, undefined],
    ['hostnogssenc all all all md5', {}, 'md5'],
    ['host shop,other ann,eve all md5', {}, 'md5'],
    ['host other , shop ann all md5', {}, 'md5'],
    ['host other ann all md5', {}, undefined],
    ['host sameuser all all md5', {}, undefined],
    ['host sameuser all all md5', { database: 'ann' }, 'md5'],
    ['host "sameuser" all all md5', { database: 'sameuser' }, 'md5'],
    ['host "all" all all md5', {}, undefined],
    ['host all "all" all md5', {}, undefined],
    ['host /^sh /^a[mn]n$ all md5', {}, 'md5'],
    ['host /^op all all md5', {}, undefined],
    ['host all all all md5', { replication: 'true' }, undefined],
    ['host replication all all md5', { replication: 'true' }, 'md5'],
    ['host replication all all md5', {}, undefined],
    ['host shop all all md5', { replication: 'database' }, 'md5'],
    ['host all all \\\nall md5 # here it ends', {}, 'md5'],
    ['local all all md5', {}, undefined],
    ['local all all md5', local, 'md5'],
    ['local other all md5', local, undefined],
    ['local replication all md5', { ...local, replication: 'true' }, 'md5'],
    ['host all all all md5', local, undefined],
    ['hostnossl all all all md5', local, undefined],
    ['hostnogssenc all all all md5', local, undefined],
    ['local all all trust\nhost all all all md5', {}, 'md5'],
    ['hostssl all all all cert map=jobs', {}, 'cert'],
    ['hostssl all all all scram-sha-256 clientcert=verify-full', {}, 'scram-sha-256'],
  ] as const) {
    test(`${line} and ${JSON.stringify(changes)}: ${method}`, () => {
      assert.equal(methodFor(line, changes), method);
    });
  }

  for (const [line, why] of [
    [
      'host all all all ldap ldapserver=x',
      'the method ldap is not supported, the option ldapserver is not supported',
    ],
    ['host all +admins all scram-sha-256', 'the user +admins is not supported'],
    ['host samerole all all scram-sha-256', 'the database samerole is not supported'],
    [
      'host all all .example.com md5',
      'the address .example.com is not supported, because it is not an IP address',
    ],
    [
      'host all all samenet md5',
      'the address samenet is not supported, because it is not an IP address',
    ],
    [
      'host all all all oauth issuer=https://x',
      'the method oauth needs issuer="…" and audience="…"',
    ],
    ['host all all all sts', 'the method sts needs map=…'],
    ['include other.conf', 'include is not supported'],
    ['host @list all all md5', 'the database @list is not supported'],
  ] as const) {
    test(`refuses every client that it may match, with a warning: ${line}`, () => {
      const { rules, warnings } = readHbaFile(`${line}\nhost all all all trust`, 'hba');
      assert.equal(rules.find((rule) => rule.fits(request))?.method, 'reject');
      assert.equal(warnings[0], `hba, line 1: ${why}; the proxy refuses clients that may match`);
    });
  }

  test('a method that needs the identity of a local user is refused, and the log says so', () => {
    const { rules, warnings } = readHbaFile('local all all peer', 'hba', true);
    assert.equal(rules.find((rule) => rule.fits({ ...request, ...local }))?.method, 'reject');
    assert.deepEqual(warnings, [
      'hba, line 1: the method peer is not supported; the proxy refuses clients that may match',
    ]);
  });

  test('a line that cannot be applied does not affect clients that it cannot match', () => {
    assert.equal(methodFor('host other all all gss\nhost all all all md5'), 'md5');
  });

  for (const [line, why] of [
    ['host all all 10.0.0.0/33 md5', /line 1: "10\.0\.0\.0\/33" is not an address/],
    ['host all all 10.0.0.0 255.0.255.0 md5', /line 1: "10\.0\.0\.0" is not an address/],
    ['host all all all magic', /line 1: "magic" is not an authentication method/],
    ['hots all all all md5', /line 1: "hots" is not a connection type/],
    ['host all all', /line 1: expected a type, databases, users, addresses and a method/],
    ['local all all', /line 1: "" is not an authentication method/],
    ['host "all all all md5', /line 1: a quoted string is not terminated/],
    ['host /( all all md5', /line 1: Invalid regular expression/],
    ['hostssl all all all cert clientcert=maybe', /line 1: clientcert is "maybe"/],
  ] as const) {
    test(`is a syntax error: ${line}`, () => {
      assert.throws(() => readHbaFile(line, 'hba', true), why);
    });
  }
});

suite('pg_ident.conf', () => {
  const lines = readIdentFile(
    [
      '# MAPNAME SYSTEM-USERNAME PG-USERNAME',
      'jobs  deploy-bot  deploy',
      String.raw`jobs  /^(.*)@example\.com$  \1`,
      'jobs  root  all',
      'jobs  ops  /^ops_',
      'other  deploy-bot  admin',
    ].join('\n'),
  );
  for (const [name, user, isAllowed] of [
    ['deploy-bot', 'deploy', true],
    ['deploy-bot', 'admin', false],
    ['ann@example.com', 'ann', true],
    ['ann@example.com', 'eve', false],
    ['ann@example.com.evil.org', 'ann', false],
    ['$&@example.com', '$&', true],
    ['root', 'anybody', true],
    ['ops', 'ops_1', true],
    ['ops', 'devops_1', false],
  ] as const) {
    test(`${name} ${isAllowed ? 'may' : 'may not'} be ${user}`, () => {
      assert.equal(mayBe(name, user, 'jobs', lines), isAllowed);
    });
  }

  test('without a map the names must be equal', () => {
    assert.equal(mayBe('ann', 'ann', undefined, lines), true);
    assert.equal(mayBe('ann', 'eve', undefined, lines), false);
    assert.equal(mayBe('ann', 'ann', 'no such map', lines), false);
  });
});
