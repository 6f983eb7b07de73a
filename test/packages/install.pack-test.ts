import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { startPostgres } from '@sluice/testkit';
import type { Postgres } from '@sluice/testkit';
import { version } from '@sluice/proxy/version';
import { Client } from 'pg';
import { root } from '../../scripts/package/workspace.ts';
import { endWell, lineOf } from './daemon.ts';
import { EmptyFolder } from './empty-folder.ts';
import type { Result } from './empty-folder.ts';
import { packAll } from './packed.ts';
import { bunRuntime, nodeRuntime, nodeRuntimes, nodeVersions, tooOldNode } from './runtimes.ts';
import type { Runtime } from './runtimes.ts';

/** The maximum size of the installed daemon, in megabytes. */
const mostMegabytes = 60;

const command = 'node_modules/sluice/bin/sluice.js';
const runtimes = [...(await nodeRuntimes()), bunRuntime()];
const oldest = await nodeRuntime(nodeVersions[0]);

let work: string;
let tarballs: ReadonlyMap<string, string>;

function tarball(name: string): string {
  const file = tarballs.get(name);
  assert.ok(file !== undefined, name);
  return file;
}

function sluice(
  folder: EmptyFolder,
  { program }: Runtime,
  args: readonly string[],
): Promise<Result> {
  return folder.run(program, [command, ...args]);
}

async function ask(connection: { readonly url: string }): Promise<void> {
  const client = new Client({ connectionString: connection.url });
  await client.connect();
  const { rows } = await client.query<{ one: number }>('select 1 as one');
  assert.deepEqual(rows, [{ one: 1 }]);
  await client.end();
}

before(async () => {
  work = await mkdtemp(path.join(tmpdir(), 'sluice-tarballs-'));
  tarballs = await packAll(work);
});

after(() => rm(work, { recursive: true, force: true }));

suite('only sluice, in an empty folder', () => {
  let folder: EmptyFolder;
  let postgres: Postgres;

  before(async () => {
    folder = await EmptyFolder.make();
    await folder.install([tarball('sluice')], path.dirname(oldest.program));
    postgres = await startPostgres();
    const { host, port, user, password } = postgres;
    const settings = {
      TargetHost: host,
      TargetPort: port,
      ListenPort: 0,
      AdminPort: 0,
      LogFormat: 'json',
      Users: [{ UserName: user, Password: password }],
    };
    // JSON is YAML.
    await writeFile(path.join(folder.path, 'sluice.yaml'), JSON.stringify(settings));
  });

  after(async () => {
    await postgres.stop();
    await folder.remove();
  });

  test(`takes at most ${mostMegabytes} MB with everything that the daemon needs`, (t: TestContext) => {
    t.diagnostic(`installed: ${folder.megabytes.toFixed(1)} MB`);
    assert.ok(folder.megabytes <= mostMegabytes, `${folder.megabytes} MB`);
  });

  for (const runtime of runtimes) {
    test(`shows version and help, and checks settings, on ${runtime.name}`, async () => {
      const shown = await sluice(folder, runtime, ['--version']);
      assert.deepEqual(shown, { code: 0, stdout: `${version}\n`, stderr: '' });
      const { stdout } = await sluice(folder, runtime, ['--help']);
      for (const word of ['up', 'serve', 'check-config', 'status', 'aws plan'])
        assert.match(stdout, new RegExp(`^  ${word} `, 'm'));
      const checked = await sluice(folder, runtime, ['check-config']);
      assert.deepEqual(checked, { code: 0, stdout: 'sluice.yaml is valid\n', stderr: '' });
    });

    test(`serves clients, and drains, on ${runtime.name}`, async () => {
      const daemon = folder.start(runtime.program, [command, 'serve']);
      const { endpoints, runtime: named } = JSON.parse(await lineOf(daemon.stderr, /"ready"/)) as {
        readonly endpoints: readonly { readonly port: number }[];
        readonly runtime: string;
      };
      assert.match(named, runtime.name === 'Bun' ? /^Bun \d/ : new RegExp(`^${runtime.name}$`));
      const { user, password } = postgres;
      await ask({ url: `postgres://${user}:${password}@127.0.0.1:${endpoints[0]?.port}/postgres` });
      await endWell(daemon, 'SIGTERM');
    });

    test(`names the one command that installs a missing package, on ${runtime.name}`, async () => {
      const add = runtime.name === 'Bun' ? 'bun add' : 'npm install';
      for (const [args, name] of [
        [['up'], '@sluice/postgres'],
        [['prove'], '@sluice/prove'],
        [['aws', 'plan'], '@sluice/infra'],
        [['plan'], '@sluice/infra'],
      ] as const) {
        const { code, stderr } = await sluice(folder, runtime, args);
        assert.equal(code, 1);
        assert.match(stderr, new RegExp(`^error: the package ${name} is not installed`));
        assert.ok(stderr.includes(`\n  ${add} ${name}@${version}\n`), stderr);
      }
    });
  }

  test('an older Node.js gets an error with its version, the required one, and the solution', async () => {
    const { program } = await nodeRuntime(tooOldNode);
    const { code, stderr } = await folder.run(program, [command, '--version']);
    assert.equal(code, 1);
    assert.equal(
      stderr,
      `error: this is Node.js ${tooOldNode} (${program}), and sluice needs 22.12 or newer; install a newer one, put it beside sluice with: npm install node@24, or run it on Bun with: bunx --bun sluice\n`,
    );
  });

  test('a companion of another version is refused', async (t: TestContext) => {
    const other = path.join(folder.path, 'node_modules/@sluice/postgres');
    await mkdir(other, { recursive: true });
    t.after(() => rm(path.dirname(other), { recursive: true }));
    await writeFile(path.join(other, 'package.json'), '{ "version": "9.9.9" }\n');
    const { code, stderr } = await sluice(folder, oldest, ['up']);
    assert.equal(code, 1);
    assert.match(stderr, /@sluice\/postgres in .+ is version 9\.9\.9, and this is sluice \d/);
  });
});

suite('without optional packages', () => {
  let folder: EmptyFolder;

  before(async () => {
    folder = await EmptyFolder.make();
    await folder.install([tarball('sluice'), '--omit=optional'], path.dirname(oldest.program));
  });

  after(() => folder.remove());

  test('is smaller, and names the package that a setting needs', async (t: TestContext) => {
    t.diagnostic(`installed: ${folder.megabytes.toFixed(1)} MB`);
    const settings = {
      TargetHost: '127.0.0.1',
      ListenPort: 0,
      AdminPort: 0,
      Auth: [{ SecretArn: 'x' }],
    };
    await writeFile(path.join(folder.path, 'sluice.yaml'), JSON.stringify(settings));
    for (const runtime of [oldest, bunRuntime()]) {
      const { code, stderr } = await sluice(folder, runtime, ['serve']);
      assert.equal(code, 1);
      assert.match(stderr, /install it with: npm install @aws-sdk\/client-secrets-manager$/m);
    }
  });
});

suite('with @sluice/postgres', () => {
  let folder: EmptyFolder;

  before(async () => {
    folder = await EmptyFolder.make();
    await folder.install(
      [tarball('sluice'), tarball('@sluice/postgres'), 'pg@8.23.1'],
      path.dirname(oldest.program),
    );
    await copyFile(
      path.join(root, 'examples/proxy-in-a-test-suite.test.ts'),
      path.join(folder.path, 'example.test.ts'),
    );
  });

  after(() => folder.remove());

  test('has the size of PostgreSQL', (t: TestContext) => {
    t.diagnostic(`installed: ${folder.megabytes.toFixed(1)} MB`);
    assert.ok(folder.megabytes < 150);
  });

  for (const runtime of runtimes) {
    test(`sluice up starts PostgreSQL and the proxy on ${runtime.name}, and leaves nothing`, async () => {
      const up = folder.start(runtime.program, [command, 'up', '--json', '--port', '0']);
      const { endpoint } = JSON.parse(await lineOf(up.stdout, /"ready"/)) as {
        readonly endpoint: { readonly url: string };
      };
      await ask(endpoint);
      await endWell(up, 'SIGINT');
    });
  }

  for (const runtime of runtimes.filter(({ runsTypeScript }) => runsTypeScript)) {
    test(`the example of the API passes on ${runtime.name}`, async () => {
      const { code, stdout, stderr } = await folder.run(
        runtime.program,
        runtime.name === 'Bun'
          ? ['test', '--timeout=60000', 'example.test.ts']
          : ['--test', 'example.test.ts'],
      );
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout + stderr, /(ℹ|#) pass 3|^ ?3 pass/m);
    });
  }

  test('npx finds the command', async () => {
    const { code, stdout } = await folder.run(
      'npx',
      ['--no-install', 'sluice', '--version'],
      path.dirname(oldest.program),
    );
    assert.deepEqual([code, stdout.trim()], [0, version]);
  });

  test('its declarations compile in a strict project, with both kinds of module resolution', async () => {
    const options = {
      strict: true,
      noEmit: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      lib: ['ESNext'],
      target: 'ES2024',
      types: ['node'],
      typeRoots: [path.join(root, 'node_modules/@types')],
    };
    for (const [module, moduleResolution] of [
      ['NodeNext', 'NodeNext'],
      ['ESNext', 'Bundler'],
    ]) {
      const compilerOptions = { ...options, module, moduleResolution };
      await writeFile(
        path.join(folder.path, 'tsconfig.json'),
        JSON.stringify({ compilerOptions, files: ['example.test.ts'] }),
      );
      const { code, stdout } = await folder.run(path.join(root, 'node_modules/.bin/tsc'), [
        '-p',
        '.',
      ]);
      assert.equal(code, 0, stdout);
    }
  });
});

suite('with @sluice/infra', () => {
  let folder: EmptyFolder;

  before(async () => {
    folder = await EmptyFolder.make();
    await folder.install(
      [tarball('sluice'), tarball('@sluice/infra')],
      path.dirname(oldest.program),
    );
    const inputs = {
      aws_account_id: '123456789012',
      aws_region: 'eu-central-1',
      vpc_id: 'vpc-0123456789abcdef0',
      vpc_subnet_filter_tag: { Name: 'private' },
      rds_instance_id: 'orders',
      rds_proxy_role: 'orders-proxy-role',
      rds_security_group_name: 'orders-proxy',
      rds_secret_name: 'orders-database',
    };
    const resolved = {
      subnet_ids: ['subnet-0b000000000000000', 'subnet-0a000000000000000'],
      security_group_ids: ['sg-0a000000000000000'],
      role_arn: 'arn:aws:iam::123456789012:role/orders-proxy-role',
      secret_arns: {
        'orders-database':
          'arn:aws:secretsmanager:eu-central-1:123456789012:secret:orders-database-AbCdEf',
      },
      vpc_cidrs: ['10.20.0.0/16'],
      database_host: 'orders.abc.eu-central-1.rds.amazonaws.com',
      database_resource_id: 'db-ABC',
      database_security_group_ids: ['sg-0d000000000000000'],
      database_vcpus: 2,
      max_connections: 400,
    };
    await writeFile(path.join(folder.path, 'inputs.json'), JSON.stringify(inputs));
    await writeFile(path.join(folder.path, 'ids.json'), JSON.stringify(resolved));
  });

  after(() => folder.remove());

  // Slow, and the same code on each: only the oldest and the newest Node.js, and Bun.
  for (const runtime of runtimes.filter((_, at) => at === 0 || at >= runtimes.length - 2)) {
    test(`sluice aws synth writes the template, offline, on ${runtime.name}`, async () => {
      const args = ['aws', 'synth', '--inputs', 'inputs.json', '--resolved', 'ids.json', '--json'];
      const { code, stdout, stderr } = await sluice(folder, runtime, args);
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /"AWS::RDS::DBProxy"/);
    });
  }

  test('the constructs can be imported', async () => {
    const { code, stdout } = await folder.run(oldest.program, [
      '--input-type=module',
      '--eval',
      "const { ManagedProxy, SluiceService } = await import('@sluice/infra'); console.log(typeof ManagedProxy, typeof SluiceService)",
    ]);
    assert.deepEqual([code, stdout.trim()], [0, 'function function']);
  });
});

suite('with @sluice/prove', () => {
  let folder: EmptyFolder;

  before(async () => {
    folder = await EmptyFolder.make();
    await folder.install(
      [tarball('sluice'), tarball('@sluice/prove')],
      path.dirname(oldest.program),
    );
  });

  after(() => folder.remove());

  // The oldest and the newest Node.js, and Bun.
  for (const runtime of runtimes.filter((_, at) => at === 0 || at >= runtimes.length - 2)) {
    test(`sluice prove measures the test cluster, and compares, on ${runtime.name}`, async () => {
      const { code, stdout, stderr } = await sluice(folder, runtime, [
        ...[
          'prove',
          '--only',
          'performance,availability,pinning',
          '--out',
          'out',
          '--workload',
          'serverless',
        ],
        ...[
          '--rounds',
          '1',
          '--seconds',
          '0.5',
          '--max-rate',
          '40',
          '--failover-rounds',
          '1',
          '--failover-settle',
          '1',
        ],
      ]);
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /^PostgreSQL 18.+ paths direct and sluice$/m);
      const report = path.join(folder.path, 'out/report.json');
      const { availability } = JSON.parse(readFileSync(report, 'utf8')) as {
        readonly availability: { readonly rounds: readonly unknown[] };
      };
      assert.equal(availability.rounds.length, 1);
      const compared = await sluice(folder, runtime, ['prove', 'compare', report, report]);
      assert.equal(compared.code, 0, compared.stderr);
    });
  }
});

suite('installed by Bun', () => {
  let folder: EmptyFolder;
  const bun = bunRuntime();

  before(async () => {
    folder = await EmptyFolder.make();
    await folder.install(
      [tarball('sluice'), tarball('@sluice/postgres')],
      path.dirname(bun.program),
      bun.program,
    );
  });

  after(() => folder.remove());

  test('bunx runs sluice up', async () => {
    const up = folder.start(bun.program, ['x', '--bun', 'sluice', 'up', '--json', '--port', '0']);
    const { endpoint } = JSON.parse(await lineOf(up.stdout, /"ready"/)) as {
      readonly endpoint: { readonly url: string };
    };
    await ask(endpoint);
    await endWell(up, 'SIGINT');
  });

  test('bunx beside an older Node.js names the option that runs Bun', async () => {
    const { program } = await nodeRuntime(tooOldNode);
    const args = ['x', 'sluice', '--version'];
    const { code, stderr } = await folder.run(bun.program, args, path.dirname(program));
    assert.equal(code, 1);
    assert.match(stderr, /sluice needs 22\.12 or newer; run it on Bun with: bunx --bun sluice$/m);
  });
});
