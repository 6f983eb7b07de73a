import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { suite, test } from 'node:test';
import { makeCertificate } from '@sluice/testkit';
import type { Command } from '../src/command.ts';
import { commandGroups } from '../src/commands.ts';
import { runCommand } from './run-command.ts';
import { runtimes, SluiceProcess, temporaryFolder } from './sluice-process.ts';

/** Each command with its arguments; commands of a namespace with and without its word. */
function everyCommand(): readonly { command: Command; words: readonly string[] }[] {
  return commandGroups.flatMap(({ namespace, commands }) =>
    commands.flatMap((command) => [
      { command, words: [command.name] },
      ...(namespace === undefined ? [] : [{ command, words: [namespace.name, command.name] }]),
    ]),
  );
}

suite('sluice', { concurrency: 2 }, () => {
  test('--help lists every command, on Node.js and Bun', async (t) => {
    for (const runtime of runtimes) {
      const sluice = new SluiceProcess(t, ['--help'], { runtime, bin: true });
      assert.equal(await sluice.exit(), 0);
      const help = sluice.stdout.join('\n');
      for (const { title, commands, namespace } of commandGroups) {
        assert.match(help, new RegExp(`^${title}$`, 'm'));
        for (const { name, summary, hidden } of commands) {
          if (hidden === true) continue;
          const typed = namespace === undefined ? name : `${namespace.name} ${name}`;
          assert.match(help, new RegExp(`^  ${typed} `, 'm'));
          // Long lines are wrapped.
          assert.ok(help.replaceAll(/\s+/g, ' ').includes(summary));
        }
      }
    }
  });

  test('COMMAND --help shows its options and examples', async () => {
    for (const { command, words } of everyCommand()) {
      const { code, stdout: help } = await runCommand([...words, '--help']);
      assert.equal(code, 0);
      for (const { flags } of command.options) {
        assert.ok(help.includes(flags), flags);
      }
      for (const { line } of command.examples ?? []) {
        assert.ok(help.includes(line), line);
      }
    }
  });

  test('--version shows the version of the package', async (t) => {
    const sluice = new SluiceProcess(t, ['--version']);
    assert.equal(await sluice.exit(), 0);
    assert.match(sluice.stdout.join('\n'), /^\d+\.\d+\.\d+$/);
  });

  test('describes the correct form of a wrong command or argument', async () => {
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [['serv'], /unknown command 'serv'\n\(Did you mean serve\?\)/],
      [['drain'], /missing required argument 'target'\nTry: sluice drain --help/],
      [['serve', 'x'], /too many arguments for 'serve'/],
      [
        ['aws', 'plann'],
        /unknown command 'plann'\n\(Did you mean plan\?\)\nTry: sluice aws --help/,
      ],
      [['aws', 'plan', '--out'], /unknown option '--out'[^]*Try: sluice aws plan --help/],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await runCommand(args);
      assert.equal(code, 1);
      assert.match(stderr, message);
    }
  });

  test('refuses an unknown runtime', async (t) => {
    const env = { SLUICE_RUNTIME: 'deno' };
    const sluice = new SluiceProcess(t, ['--version'], { env, bin: true });
    assert.equal(await sluice.exit(), 1);
    assert.deepEqual(sluice.stderr, ['error: SLUICE_RUNTIME is "deno"; it must be node or bun']);
  });
});

suite('sluice check-config', { concurrency: 2 }, () => {
  test('exits with 0 if the file is valid, with warnings', async (t) => {
    const file = path.join(temporaryFolder(t), 'sluice.yaml');
    const verifier = `md5${'0'.repeat(32)}`;
    await writeFile(file, `TargetHost: db\nUsers: [{ UserName: app, Verifier: ${verifier} }]\n`);
    const sluice = new SluiceProcess(t, ['check-config', file]);
    assert.equal(await sluice.exit(), 0);
    assert.deepEqual(sluice.stdout, [`${file} is valid`]);
    assert.match(
      sluice.stderr.join('\n'),
      /warning: user app has a Verifier but no DatabasePassword/,
    );
  });

  test('reads the same file as serve where none is named', async (t) => {
    const cwd = temporaryFolder(t);
    const absent = new SluiceProcess(t, ['check-config'], { cwd });
    assert.equal(await absent.exit(), 1);
    assert.match(absent.stderr.join('\n'), /^sluice\.yaml: the settings file cannot be read/);
    const settings = 'TargetHost: db\nUsers: [{ UserName: app, Password: x }]\n';
    await writeFile(path.join(cwd, 'sluice.yaml'), settings);
    const checked = new SluiceProcess(t, ['check-config'], { cwd });
    assert.equal(await checked.exit(), 0);
    assert.deepEqual(checked.stdout, ['sluice.yaml is valid']);
  });

  test('reads the files that the settings name', async (t) => {
    const folder = temporaryFolder(t);
    const file = path.join(folder, 'sluice.yaml');
    const [own, other] = await Promise.all([makeCertificate(), makeCertificate()]);
    const files = {
      'sluice.yaml': [
        'TargetHost: db',
        'AuthFile: users.txt',
        'HbaFile: hba.conf',
        'TlsMode: prefer',
        'TlsCertFile: cert.pem',
        'TlsKeyFile: key.pem',
        'TargetTlsMode: require',
        'TargetTlsCertFile: hba.conf',
        'TargetTlsKeyFile: key.pem',
      ].join('\n'),
      'users.txt': '"app" "secret"\n"report" "SCRAM-SHA-256$broken"\n',
      'hba.conf': 'host all all 10.0.0.0/99 md5\n',
      'cert.pem': own.cert,
      'key.pem': other.key,
    };
    for (const [name, text] of Object.entries(files))
      await writeFile(path.join(folder, name), text);
    const broken = new SluiceProcess(t, ['check-config', file]);
    assert.equal(await broken.exit(), 1);
    assert.deepEqual(broken.stdout, []);
    const [users, rules, key, target, count] = broken.stderr;
    assert.equal(users, `${folder}/users.txt, line 2: the verifier of user "report" is malformed`);
    assert.match(rules ?? '', /hba\.conf.*10\.0\.0\.0\/99/);
    assert.equal(
      key,
      `${folder}/key.pem: it is not the key of the certificate in ${folder}/cert.pem`,
    );
    assert.match(target ?? '', /hba\.conf: /);
    assert.equal(count, '4 problems');

    await writeFile(path.join(folder, 'users.txt'), '"app" "secret"\n');
    await writeFile(path.join(folder, 'hba.conf'), 'host all all 10.0.0.0/8 trust\n');
    await writeFile(path.join(folder, 'key.pem'), own.key);
    await writeFile(file, files['sluice.yaml'].split('\n').slice(0, 6).join('\n'));
    const valid = new SluiceProcess(t, ['check-config', file]);
    assert.equal(await valid.exit(), 0, valid.stderr.join('\n'));
    assert.deepEqual(valid.stdout, [`${file} is valid`]);
  });

  test('exits with 1 and shows every problem, also those of the environment', async (t) => {
    const file = path.join(temporaryFolder(t), 'sluice.yaml');
    await writeFile(file, 'TargetHosst: db\nListenPort: 99999\nAuthFile: users.txt\n');
    const env = { SLUICE_LOG_LEVEL: 'loud' };
    const sluice = new SluiceProcess(t, ['check-config', file], { env });
    assert.equal(await sluice.exit(), 1);
    assert.deepEqual(sluice.stdout, []);
    assert.deepEqual(sluice.stderr, [
      `${file}:1:1: TargetHosst is not a setting; did you mean TargetHost?`,
      `${file}:2:13: ListenPort is 99999; it must be a whole number from 0 to 65535`,
      `${file}:3:11: AuthFile: no such file or directory: '${path.join(path.dirname(file), 'users.txt')}'`,
      'SLUICE_LOG_LEVEL: LogLevel is "loud"; it must be one of fatal, error, warn, info, debug, trace',
      `${file}: TargetHost is missing; set it, or DBInstanceIdentifier, or DBClusterIdentifier`,
      '5 problems',
    ]);
  });
});
