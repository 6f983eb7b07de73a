import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { suite, test } from 'node:test';
import { fitsVerifier, makeVerifier, md5Verifier } from '@sluice/wire';
import { Credentials } from '../../src/credentials/credentials.ts';
import { parseAuthFile } from '../../src/credentials/auth-file.ts';
import { preparePassword } from '../../src/credentials/saslprep.ts';
import { createSettings } from '../../src/settings/index.ts';

const hash = md5Verifier('ben', 'secret');

suite('Credentials', () => {
  test('passwords become verifiers; those for the database are separate', async (t) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'sluice-credentials-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const PasswordFile = path.join(folder, 'password');
    const AuthFile = path.join(folder, 'userlist.txt');
    await writeFile(PasswordFile, 'from a file\n');
    await writeFile(AuthFile, `"ann" "not this one"\n"ben" "${hash}"\n"eve" "plain"\n`);
    const credentials = await load({
      AuthFile,
      Users: [
        { UserName: 'ann', Password: 'secret', DatabaseUserName: 'shop', DatabasePassword: 'db' },
        { UserName: 'joe', PasswordFile },
      ],
    });

    const ann = credentials.client('ann');
    assert.equal(ann?.databaseUser, 'shop');
    assert.equal(ann.proofs[0]?.scram?.iterations, 4096);
    assert.deepEqual(credentials.databasePasswords('shop'), ['db']);
    assert.deepEqual(credentials.databasePasswords('ann'), []);
    assert.deepEqual(credentials.databasePasswords('joe'), ['from a file']);
    assert.deepEqual(credentials.client('ben'), {
      user: 'ben',
      proofs: [{ scram: null, md5: hash, until: Infinity }],
      databaseUser: 'ben',
      iamAuth: 'DISABLED',
    });
    assert.deepEqual(credentials.databasePasswords('ben'), []);
    assert(credentials.client('eve')?.proofs[0]?.scram);
    assert.deepEqual(credentials.databasePasswords('eve'), ['plain']);
    assert.equal(credentials.client('nobody'), undefined);
  });

  test('PasswordEnv and DatabasePasswordEnv: one for clients, one for the database, or one for both', async (t) => {
    t.after(() => {
      delete process.env['CLIENT_PASSWORD'];
      delete process.env['DATABASE_PASSWORD'];
    });
    process.env['CLIENT_PASSWORD'] = 'for clients';
    process.env['DATABASE_PASSWORD'] = 'for the database';
    const Users = [
      { UserName: 'ann', PasswordEnv: 'CLIENT_PASSWORD', DatabasePasswordEnv: 'DATABASE_PASSWORD' },
      { UserName: 'ben', PasswordEnv: 'CLIENT_PASSWORD' },
      { UserName: 'job', DatabasePasswordEnv: 'DATABASE_PASSWORD' },
    ];
    const credentials = await load({ Users });
    assert.deepEqual(credentials.databasePasswords('ann'), ['for the database']);
    assert.deepEqual(credentials.databasePasswords('ben'), ['for clients']);
    assert.deepEqual(credentials.databasePasswords('job'), ['for the database']);
    for (const user of ['ann', 'ben']) {
      const scram = credentials.client(user)?.proofs[0]?.scram;
      assert(scram);
      assert.ok(await fitsVerifier(scram, 'for clients'));
      assert.ok(!(await fitsVerifier(scram, 'for the database')));
    }
    assert.deepEqual(credentials.client('job')?.proofs, []);
  });

  for (const [field, value, why] of [
    ['PasswordEnv', undefined, 'is not set'],
    ['PasswordEnv', '', 'is empty'],
    ['DatabasePasswordEnv', undefined, 'is not set'],
    ['DatabasePasswordEnv', '', 'is empty'],
  ] as const)
    test(`${field} of a variable that ${why}: the error names the variable and the user`, async (t) => {
      t.after(() => delete process.env['APP_PASSWORD']);
      if (value !== undefined) process.env['APP_PASSWORD'] = value;
      await assert.rejects(load({ Users: [{ UserName: 'app', [field]: 'APP_PASSWORD' }] }), {
        code: 'PASSWORD_VARIABLE',
        message: new RegExp(`APP_PASSWORD.*"app".*${why}`),
      });
    });

  test('changedFrom returns the users of the database with a changed password', async () => {
    const before = await load({ Users: [user('a', '1'), user('b', '1'), user('c', '1')] });
    const now = await load({ Users: [user('a', '1'), user('b', '2'), user('d', '1')] });
    assert.deepEqual(now.changedFrom(before).toSorted(), ['b', 'c', 'd']);
    assert.deepEqual(now.changedFrom(now), []);
  });

  test('the error of an unreadable file names it', async () => {
    await assert.rejects(load({ Users: [{ UserName: 'joe', PasswordFile: '/missing/file' }] }), {
      code: 'PASSWORD_FILE',
      message: /\/missing\/file of user "joe" cannot be used/,
    });
  });

  for (const [content, why] of [
    ['', 'it is empty'],
    ['\n', 'it is empty'],
    [Buffer.from('caf\xe9', 'latin1'), 'it is not UTF-8'],
  ] as const) {
    test(`a PasswordFile is refused: ${why} (${content.length} bytes)`, async (t) => {
      const folder = await mkdtemp(path.join(tmpdir(), 'sluice-credentials-'));
      t.after(() => rm(folder, { recursive: true, force: true }));
      const PasswordFile = path.join(folder, 'password');
      await writeFile(PasswordFile, content);
      await assert.rejects(load({ Users: [{ UserName: 'joe', PasswordFile }] }), {
        code: 'PASSWORD_FILE',
        message: `the password file ${PasswordFile} of user "joe" cannot be used: ${why}`,
      });
    });
  }

  test('an empty password is refused at load', async () => {
    assert.throws(
      () => load({ Users: [{ UserName: 'joe', Password: '' }] }),
      /Password is not valid/,
    );
    const [entry] = createSettings({ TargetHost: 'x', Auth: [{ SecretArn: 'secret' }] }).Auth;
    assert(entry !== undefined);
    const secretUser = {
      user: 'joe',
      databaseUser: 'joe',
      databasePasswords: [''],
      passwords: [{ text: '', until: Infinity }],
      entry,
      isCurrent: true,
    };
    const settings = createSettings({
      TargetHost: 'x',
      Users: [{ UserName: 'ann', Password: 'x' }],
    });
    await assert.rejects(Credentials.load(settings, [secretUser]), { code: 'EMPTY_PASSWORD' });
  });

  test('many users are loaded two at a time, so that threads are left for logins', async (t) => {
    const { pbkdf2 } = crypto;
    let underWay = 0;
    let most = 0;
    t.mock.method(crypto, 'pbkdf2', (...args: Parameters<typeof pbkdf2>) => {
      const [password, salt, iterations, length, digest, done] = args;
      underWay += 1;
      most = Math.max(most, underWay);
      pbkdf2(password, salt, iterations, length, digest, (error, key) => {
        underWay -= 1;
        done(error, key);
      });
    });
    syncBuiltinESMExports();
    t.after(() => {
      t.mock.restoreAll();
      syncBuiltinESMExports();
    });
    await load({ Users: Array.from({ length: 10 }, (_, at) => user(`many ${at}`, 'secret')) });
    assert.equal(most, 2);
  });

  test('a verifier of the empty password does not permit logins', async () => {
    const { iterations, salt, storedKey, serverKey } = await makeVerifier('');
    const [saltText, ...keys] = [salt, storedKey, serverKey].map((part) => part.toString('base64'));
    const scram = `SCRAM-SHA-256$${iterations}:${saltText}$${keys.join(':')}`;
    for (const Verifier of [md5Verifier('joe', ''), scram])
      await assert.rejects(load({ Users: [{ UserName: 'joe', Verifier }] }), {
        code: 'EMPTY_PASSWORD',
        message: 'the verifier of user "joe" was made from an empty password',
      });
  });
});

suite('parseAuthFile', () => {
  const key = `${'k'.repeat(43)}=`;

  test("reads PgBouncer's userlist.txt", () => {
    const text = `; comment\n\n# comment\r\n"ann" "secret"\r\n  "a ""b""" "x""y"\n"c" "d" more\n"e" "${hash}"`;
    assert.deepEqual(
      read(text).map(({ user, secret, isPassword, line }) => [user, secret, isPassword, line]),
      [
        ['ann', 'secret', true, 4],
        ['a "b"', 'x"y', true, 5],
        ['c', 'd', true, 6],
        ['e', hash, false, 7],
      ],
    );
  });

  for (const [line, why] of [
    ['ben secret', 'expected "user" "password or verifier"'],
    ['"ben" "sec"ret"', 'expected "user" "password or verifier"'],
    ['"ben" "secret', 'expected "user" "password or verifier"'],
    ['"" "secret"', 'the user has no name'],
    ['"ben" ""', 'the password of user "ben" is empty'],
    [`"ben" "${hash.slice(0, -1)}"`, 'the verifier of user "ben" is malformed'],
    [`"ben" "${hash.toUpperCase()}"`, 'the verifier of user "ben" is malformed'],
    ['"ben" "SCRAM-SHA-256$4096:salt"', 'the verifier of user "ben" is malformed'],
    [`"ben" "SCRAM-SHA-256$0:c2FsdA==$${key}:${key}"`, 'the verifier of user "ben" is malformed'],
    [`"ben" "SCRAM-SHA-256$1:c2FsdA=$${key}:${key}"`, 'the verifier of user "ben" is malformed'],
    [`"ben" "scram-sha-256$1:c2FsdA==$${key}:${key}"`, 'the verifier of user "ben" is malformed'],
    ['"ben" "caf\u00e9"', 'it is not UTF-8'],
  ] as const) {
    test(`names file and line, without a secret: ${line}`, () => {
      assert.throws(() => read(`"ann" "secret"\n${line}\n`), {
        code: 'AUTH_FILE',
        message: `users, line 2: ${why}`,
      });
    });
  }

  function read(text: string): ReturnType<typeof parseAuthFile> {
    return parseAuthFile(Buffer.from(text, 'latin1'), 'users');
  }
});

suite('preparePassword', () => {
  for (const [password, prepared] of [
    ['secret', 'secret'],
    ['I\u00ADX', 'IX'],
    ['\u00AA', 'a'],
    ['\u2168', 'IX'],
    ['a\u00A0b', 'a b'],
    // Text that SASLprep refuses is used unchanged: a control character, and text in both directions.
    ['\u0007', '\u0007'],
    ['\u0627\u0031', '\u0627\u0031'],
  ] as const) {
    test(JSON.stringify(password), () => assert.equal(preparePassword(password), prepared));
  }
});

interface Given {
  readonly AuthFile?: string;
  readonly Users: readonly Readonly<Record<string, string>>[];
}

function load(given: Given): Promise<Credentials> {
  return Credentials.load(
    createSettings(JSON.parse(JSON.stringify({ TargetHost: 'x', ...given }))),
  );
}

function user(UserName: string, Password: string): Record<string, string> {
  return { UserName, Password };
}
