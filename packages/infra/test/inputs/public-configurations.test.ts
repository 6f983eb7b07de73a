import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { designOf } from '../../src/actions/design.ts';
import { readInputs } from '../../src/inputs/read.ts';
import { violations } from '../../src/security/report.ts';
import { resolvedWith, secretArn } from '../subject.ts';

/** Inputs files that are equivalent to public configurations, with other names. */
const folder = join(import.meta.dirname, 'public');

const files = (await readdir(folder)).toSorted();

/**
 * The result of each file: a plan without a violation unless stated otherwise; and the additional ids that it needs.
 */
const expected: Readonly<
  Record<
    string,
    {
      readonly refused?: RegExp;
      readonly broken?: readonly string[];
      readonly resolved?: Readonly<Record<string, unknown>>;
    }
  >
> = {
  '01-empty-strings': { refused: /aws_account_id is empty[^]*rds_proxy_role is empty/ },
  '02-cluster-with-iam': {},
  '03-instance-with-iam': { resolved: { role_arn: undefined } },
  '04-two-secrets': {
    resolved: {
      secret_arns: {
        'orders-database': secretArn,
        'orders-reader': secretArn.replace('database', 'reader'),
      },
    },
  },
  '05-ids': {},
  '06-endpoint-elsewhere': {},
  '07-no-secret': { resolved: { secret_arns: {}, role_arn: undefined } },
  '08-iam-beside-a-secret': {},
  '09-private-link': {},
  '10-dns-and-group': { resolved: { security_group_ids: [] } },
  '11-no-tls': { broken: ['SLUICE-TLS'] },
  '12-two-groups': {},
  '13-second-proxy': {},
  '14-retained': {},
  '15-larger-project': { refused: /15-larger-project\.tfvars:\d+: there is no input environment/ },
};

suite('public configurations', () => {
  test('there are fifteen, and each has an expected result', () => {
    assert.deepEqual(
      files,
      Object.keys(expected).map((name) => `${name}.tfvars`),
    );
    assert.equal(files.length, 15);
  });

  for (const [name, { refused, broken = [], resolved }] of Object.entries(expected)) {
    const verdict = refused === undefined ? `breaks ${broken.join() || 'no rule'}` : 'is refused';
    test(`${name} ${verdict}`, async () => {
      const file = join(folder, `${name}.tfvars`);
      const reading = readInputs({ directory: folder, environment: {}, arguments: [{ file }] });
      if (refused !== undefined) {
        await assert.rejects(reading, { name: 'InfraError', message: refused });
        return;
      }
      const { inputs } = await reading;
      const { security } = designOf(inputs, resolvedWith(resolved), undefined, false);
      const rules = violations(security).map((finding) => finding.rule);
      assert.deepEqual(rules, broken);
    });
  }

  test('the file of a larger project is read where it is found automatically, with a note', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'sluice-public-'));
    t.after(async () => rm(directory, { recursive: true }));
    await copyFile(join(folder, '15-larger-project.tfvars'), join(directory, 'terraform.tfvars'));
    const { inputs, warnings } = await readInputs({ directory, environment: {}, arguments: [] });
    assert.match(warnings.join(), /there is no input environment/);
    const { security } = designOf(inputs, resolvedWith(), undefined, false);
    assert.deepEqual(violations(security), []);
  });
});
