import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { suite, test } from 'node:test';
import { md5Verifier } from '@sluice/wire';
import { Credentials } from '../../src/credentials/credentials.ts';
import { parseAuthFile } from '../../src/credentials/auth-file.ts';
import { preparePassword } from '../../src/credentials/saslprep.ts';
import { createSettings } from '../../src/settings/index.ts';

const hash = md5Verifier('ben', 'secret');

suite('Credentials', () => {
  test('passwords become verifiers; those for the database are kept apart', async (t) => {
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
    assert.equal(ann.scram?.iterations, 4096);
    assert.equal(credentials.databasePassword('shop'), 'db');
    assert.equal(credentials.databasePassword('ann'), undefined);
    assert.equal(credentials.databasePassword('joe'), 'from a file');
    assert.deepEqual(credentials.client('ben'), { scram: null, md5: hash, databaseUser: 'ben' });
    assert.equal(credentials.databasePassword('ben'), undefined);
    assert(credentials.client('eve')?.scram);
    assert.equal(credentials.databasePassword('eve'), 'plain');
    assert.equal(credentials.client('nobody'), undefined);
  });

  test('changedFrom names the users of the database whose password is another', async () => {
    const before = await load({ Users: [user('a', '1'), user('b', '1'), user('c', '1')] });
    const now = await load({ Users: [user('a', '1'), user('b', '2'), user('d', '1')] });
    assert.deepEqual(now.changedFrom(before).toSorted(), ['b', 'c', 'd']);
    assert.deepEqual(now.changedFrom(now), []);
  });

  test('a file that cannot be read is named', async () => {
    await assert.rejects(load({ Users: [{ UserName: 'joe', PasswordFile: '/missing/file' }] }), {
      code: 'PASSWORD_FILE',
      message: /\/missing\/file of user "joe" cannot be read/,
    });
  });
});

suite('parseAuthFile', () => {
  test("reads PgBouncer's userlist.txt", () => {
    const text = '; comment\n\n# comment\r\n"ann" "secret"\r\n  "a ""b""" ""\n"c" "d" more\n';
    assert.deepEqual(parseAuthFile(text, 'users'), [
      ['ann', 'secret'],
      ['a "b"', ''],
      ['c', 'd'],
    ]);
  });

  test('names the file and the line that it cannot read, and not what stands there', () => {
    assert.throws(() => parseAuthFile('"ann" "secret"\nben secret\n', 'users'), {
      code: 'AUTH_FILE',
      message: 'users, line 2: expected "user" "password or verifier"',
    });
  });
});

suite('preparePassword', () => {
  for (const [password, prepared] of [
    ['secret', 'secret'],
    ['I\u00ADX', 'IX'],
    ['\u00AA', 'a'],
    ['\u2168', 'IX'],
    ['a\u00A0b', 'a b'],
    // What SASLprep refuses is used as it is: a control character, and text of both directions.
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
