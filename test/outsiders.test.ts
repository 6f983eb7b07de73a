import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { parse } from 'yaml';
import { published } from '../scripts/package/published.ts';

const root = path.resolve(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

/** The used part of a workflow. */
interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly 'timeout-minutes'?: number;
        readonly needs?: string | readonly string[];
        readonly steps: readonly { readonly uses?: string; readonly run?: string }[];
      }
    >
  >;
}

const workflows = globSync('.github/workflows/*.yml', { cwd: root });

suite('workflows', () => {
  for (const file of workflows) {
    const text = read(file);
    const { permissions, jobs } = parse(text) as Workflow;
    const steps = Object.values(jobs).flatMap((job) => job.steps);

    test(`${file}: actions are pinned by digest, with their version in a comment`, () => {
      for (const [, action = '', comment] of text.matchAll(/uses: (\S+)(.*)/g)) {
        assert.match(action, /^[\w-]+\/[\w./-]+@[0-9a-f]{40}$/, action);
        assert.match(comment ?? '', /^ # v\d+\.\d+\.\d+$/, action);
      }
    });

    test(`${file}: may only read unless a job says otherwise, and every job has a time limit`, () => {
      assert.deepEqual(permissions, { contents: 'read' });
      for (const [name, job] of Object.entries(jobs))
        assert.ok((job['timeout-minutes'] ?? 0) > 0, name);
    });

    test(`${file}: runs existing scripts`, () => {
      const { scripts } = JSON.parse(read('package.json')) as {
        readonly scripts: Readonly<Record<string, string>>;
      };
      const run = steps.map((step) => step.run ?? '').join('\n');
      for (const [, script = ''] of run.matchAll(/npm run (?:--silent )?([\w:]+)/g))
        assert.ok(Object.hasOwn(scripts, script), script);
    });

    test(`${file}: needs existing jobs`, () => {
      for (const { needs = [] } of Object.values(jobs))
        for (const name of typeof needs === 'string' ? [needs] : needs)
          assert.ok(Object.hasOwn(jobs, name), name);
    });

    test(`${file}: no text from others becomes a command`, () => {
      for (const { run = '' } of steps)
        assert.doesNotMatch(run, /\$\{\{\s*github\.(event|head_ref)/);
    });
  }
});

test('a release publishes every package, sluice last, and lists the contents of all of them', () => {
  const { jobs } = parse(read('.github/workflows/release.yml')) as Workflow;
  const run = jobs['npm']?.steps.map((step) => step.run ?? '').join('\n') ?? '';
  const [, loop = ''] = /for tarball in (.+); do/.exec(run) ?? [];
  const names = loop
    .split(' ')
    .map((pattern) => pattern.replace(/^dist\/(.+)-(\[0-9\])?\*\.tgz$/, '$1'));
  const expected = published.map(({ name }) => name.replace(/^@(.+)\//, '$1-'));
  assert.deepEqual(names.toSorted(), expected.toSorted());
  assert.equal(names.at(-1), 'sluice');
  const { scripts } = JSON.parse(read('package.json')) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  for (const { name } of published)
    assert.ok(scripts['sbom']?.includes(` -w ${name === 'sluice' ? '@sluice/cli' : name}`), name);
});

suite('files that visitors look for', () => {
  test('exist', () => {
    for (const file of [
      'SECURITY.md',
      'CODE_OF_CONDUCT.md',
      'CONTRIBUTING.md',
      'LICENSE',
      '.github/CODEOWNERS',
      '.github/dependabot.yml',
      '.github/pull_request_template.md',
      'docs/versioning.md',
    ])
      assert.ok(existsSync(path.join(root, file)), file);
  });

  test('the issue forms are valid', () => {
    for (const file of globSync('.github/ISSUE_TEMPLATE/*.yml', { cwd: root })) {
      const form = parse(read(file)) as { readonly body?: readonly { readonly id?: string }[] };
      if (form.body === undefined) continue;
      const ids = form.body.map(({ id }) => id);
      assert.equal(new Set(ids).size, ids.length, file);
    }
  });

  test('CODEOWNERS names existing folders', () => {
    for (const [, folder = ''] of read('.github/CODEOWNERS').matchAll(/^(\/\S+)/gm))
      assert.ok(existsSync(path.join(root, folder)), folder);
  });

  test('the tested versions are the promised ones', () => {
    const { jobs } = parse(read('.github/workflows/ci.yml')) as {
      readonly jobs: Readonly<
        Record<
          string,
          { readonly strategy: { readonly matrix: Readonly<Record<string, string[]>> } }
        >
      >;
    };
    assert.deepEqual(jobs['postgres']?.strategy.matrix['postgres'], ['14', '15', '16', '17', '18']);
    assert.deepEqual(jobs['packages']?.strategy.matrix['node'], ['22.12.0', '22', '24', 'node']);
  });
});

suite('the systemd unit', () => {
  const unit = read('packaging/systemd/sluice.service');

  test('runs existing commands, not as root, with a limit for files', () => {
    assert.match(
      unit,
      /^ExecStart=\/usr\/local\/bin\/sluice serve --config \/etc\/sluice\/sluice\.yaml$/m,
    );
    assert.match(
      unit,
      /^ExecStartPre=\/usr\/local\/bin\/sluice check-config \/etc\/sluice\/sluice\.yaml$/m,
    );
    assert.match(unit, /^User=sluice$/m);
    assert.match(read('packaging/systemd/sluice.sysusers.conf'), /^u sluice /m);
    const limit = /^LimitNOFILE=(\d+)$/m.exec(unit)?.[1];
    assert.ok(Number(limit) >= 65_536);
    assert.ok(read('docs/operations.md').includes(`LimitNOFILE=${limit}`));
  });

  test('denies what a proxy does not need', () => {
    for (const line of [
      'NoNewPrivileges=yes',
      'ProtectSystem=strict',
      'CapabilityBoundingSet=',
      'PrivateDevices=yes',
    ])
      assert.match(unit, new RegExp(`^${line}$`, 'm'));
  });
});
