import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { loadSettings, type Settings } from '@sluice/proxy/settings';
import { makeCertificate } from '@sluice/testkit';
import { takeSecrets } from '../../../cli/src/container/take-secrets.ts';
import { record } from '../../src/values.ts';
import { secretArn } from '../subject.ts';
import { evaluated, withoutTerraform } from '../terraform.ts';

type Clean = Parameters<typeof evaluated>[0];

const folder = join(import.meta.dirname, '../../../../deploy/terraform');

/** The data sources of the settings file, and the values that replace them. */
const looked: Readonly<Record<string, string>> = {
  'data.aws_secretsmanager_secret.database[*].arn': `var.rds_secret_name == null ? [] : ["${secretArn}"]`,
  'data.aws_db_instance.database.address': '"orders.abc.eu-central-1.rds.amazonaws.com"',
  'data.aws_db_instance.database.port': '5433',
  'data.aws_db_instance.database.resource_id': '"db-ABC"',
  'data.aws_partition.current.partition': '"aws"',
};

const nine = {
  aws_account_id: '123456789012',
  aws_region: 'eu-central-1',
  vpc_id: 'vpc-0123456789abcdef0',
  vpc_subnet_filter_tag: { Name: 'private' },
  rds_instance_id: 'orders',
  rds_security_group_name: 'orders-proxy',
  rds_secret_name: 'orders-database',
};

const connect = 'arn:aws:rds-db:eu-central-1:123456789012:dbuser:db-ABC/*';

/** The module's settings for these variables, evaluated by Terraform. */
async function localsFor(t: Clean, variables: object): Promise<Record<string, unknown>> {
  const text = await readFile(join(folder, 'settings.tf'), 'utf8');
  const settings = Object.entries(looked).reduce((all, [reference, value]) => {
    assert.ok(all.includes(reference), reference);
    return all.replaceAll(reference, () => value);
  }, text);
  const files = {
    'settings.tf': settings,
    'variables.tf': await readFile(join(folder, 'variables.tf'), 'utf8'),
    'terraform.tfvars.json': JSON.stringify({ ...nine, ...variables }),
  };
  const names = [
    'environment',
    'database_tokens',
    'client_tokens',
    'connect_arn',
    'secret_arns',
    'elastic',
  ];
  const expression = `{ ${names.map((name) => `${name} = local.${name}`).join(', ')} }`;
  return record(await evaluated(t, files, expression));
}

/** The settings of the daemon in a task of the module. */
async function settingsFor(t: Clean, variables: object): Promise<Settings> {
  const { environment } = await localsFor(t, { engine: 'sluice', ...variables });
  const run = await mkdtemp(join(tmpdir(), 'sluice-task-'));
  t.after(async () => rm(run, { recursive: true }));
  const { cert, key } = await makeCertificate();
  const values = Object.entries(record(environment)).map(([name, value]) => [name, String(value)]);
  const given: NodeJS.ProcessEnv = {
    ...Object.fromEntries(values),
    SLUICE_RUN_FOLDER: run,
    TLS_CERTIFICATE: cert,
    TLS_PRIVATE_KEY: key,
  };
  return loadSettings(takeSecrets(given), given);
}

suite('the settings of the Terraform module', { skip: withoutTerraform }, () => {
  test('with a password: the secret, no tokens, and no permission to log in to the database', async (t) => {
    const managed = await localsFor(t, {});
    assert.equal(managed['database_tokens'], false);
    assert.deepEqual(managed['secret_arns'], [secretArn]);
    const { Auth, ClientAuth, TargetIamAuth, TargetPort } = await settingsFor(t, {});
    assert.equal(Auth[0]?.SecretArn, secretArn);
    assert.equal(Auth[0].IAMAuth, 'DISABLED');
    assert.deepEqual([ClientAuth.length, TargetIamAuth, TargetPort], [0, false, 5433]);
  });

  test('iam_auth: tokens from clients; for the database RDS Proxy has the secret, Sluice has tokens', async (t) => {
    const managed = await localsFor(t, { iam_auth: 'REQUIRED' });
    assert.deepEqual([managed['client_tokens'], managed['database_tokens']], [true, false]);
    const { Auth, TargetIamAuth } = await settingsFor(t, { iam_auth: 'REQUIRED' });
    assert.equal(Auth[0]?.IAMAuth, 'REQUIRED');
    assert.equal(TargetIamAuth, true);
  });

  test('IAM_AUTH needs no secret, and permits logins to this database', async (t) => {
    const tokens = { default_auth_scheme: 'IAM_AUTH', rds_secret_name: null };
    const managed = await localsFor(t, tokens);
    assert.equal(managed['database_tokens'], true);
    assert.equal(managed['connect_arn'], connect);
    assert.deepEqual(managed['secret_arns'], []);
    const settings = await settingsFor(t, { ...tokens, health_check_user: 'health' });
    assert.deepEqual([settings.Auth.length, settings.TargetIamAuth], [0, true]);
    assert.equal(settings.ClientAuth[0]?.Method, 'iam');
    assert.equal(settings.HealthCheckUser, 'health');
    assert.equal(settings.TargetTlsMode, 'verify-full');
  });

  test('Elastic IPs make the load balancer public, private addresses do not', async (t) => {
    for (const [address, elastic] of [
      ['10.0.0.4', false],
      ['eipalloc-0a', true],
    ] as const) {
      const locals = await localsFor(t, { balancer_addresses: { 'subnet-a': address } });
      assert.equal(locals['elastic'], elastic);
    }
    assert.equal((await localsFor(t, {}))['elastic'], false);
  });

  test('the share of max_connections is divided among the highest number of tasks', async (t) => {
    const { environment } = await localsFor(t, { max_connections_percent: 80, max_tasks: 4 });
    assert.equal(record(environment)['SLUICE_MAX_CONNECTIONS_PERCENT'], '10');
  });

  for (const [name, value] of [
    ['engine', 'pgbouncer'],
    ['default_auth_scheme', 'IAM'],
    ['iam_auth', 'ENABLED'],
    ['cpu_architecture', 'ARM'],
    ['log_group_class', 'DELIVERY'],
    ['fargate_spot_weight', 1001],
    ['fargate_spot_weight', -1],
    ['role_max_session_duration', 3599],
    ['role_max_session_duration', 43_201],
    ['balancer_addresses', { a: '10.0.0.4', b: 'eipalloc-0a' }],
  ] as const) {
    test(`${name} is not ${JSON.stringify(value)}`, async (t) => {
      await assert.rejects(localsFor(t, { [name]: value }));
    });
  }
});
