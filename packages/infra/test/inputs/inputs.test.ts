import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { InfraError } from '../../src/errors.ts';
import { checkInputs, readInputs } from '../../src/inputs/read.ts';
import type { Argument } from '../../src/inputs/sources.ts';
import { inputTable, nineInputs } from '../../src/inputs/table.ts';
import { nine, sluiceInputs } from '../subject.ts';

/** A terraform.tfvars of the original project. */
const tfvars = `# the account
aws_account_id = "123456789012"
aws_region     = "eu-central-1"
vpc_id         = "vpc-0123456789abcdef0"

vpc_subnet_filter_tag = {
  Name        = "private" // comments of both kinds
  Environment = "prod"
}

rds_instance_id         = "orders"
rds_proxy_role          = "orders-proxy-role"
rds_security_group_name = "orders-proxy"
rds_secret_name         = "orders-database"
rds_proxy_tags          = { Team = "orders", "cost:centre" = "42" }
`;

suite('inputs', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-inputs-'));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  async function write(name: string, text: string): Promise<string> {
    const file = join(folder, name);
    await writeFile(file, text);
    return file;
  }

  async function read(
    typed: readonly Argument[] = [],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<ReturnType<typeof checkInputs>> {
    const { inputs } = await readInputs({ directory: folder, environment, arguments: typed });
    return inputs;
  }

  async function problems(typed: readonly Argument[]): Promise<readonly string[]> {
    try {
      await read(typed);
    } catch (error) {
      assert.ok(error instanceof InfraError);
      return error.problems;
    }
    return [];
  }

  const all: readonly Argument[] = Object.entries(nine).map(([name, value]) => ({
    name,
    value: typeof value === 'string' ? value : '{ Name = "private" }',
    flag: `--${name}`,
  }));

  test('a terraform.tfvars with the nine inputs is read unchanged, with the original defaults', async () => {
    await write('terraform.tfvars', tfvars);
    const inputs = await read();
    assert.deepEqual(inputs.vpc_subnet_filter_tag, { Name: 'private', Environment: 'prod' });
    assert.deepEqual(inputs.rds_proxy_tags, { Team: 'orders', 'cost:centre': '42' });
    assert.equal(inputs.engine, 'rds-proxy');
    assert.equal(inputs.IdleClientTimeout, 1800);
    assert.equal(inputs.RequireTLS, true);
    assert.equal(inputs.IAMAuth, 'DISABLED');
    assert.equal(inputs.ConnectionBorrowTimeout, 120);
    assert.equal(inputs.MaxConnectionsPercent, 100);
    assert.equal(inputs.MaxIdleConnectionsPercent, 50);
    assert.equal(inputs.DebugLogging, false);
  });

  test('the nine are required, except the tags', async () => {
    assert.equal(nineInputs.length, 9);
    const detail = await problems([]);
    assert.equal(detail.length, 8);
    assert.match(detail[0] ?? '', /^the input aws_account_id is missing: /);
  });

  test('JSON and YAML give the same inputs', async () => {
    const json = await write('inputs.tfvars.json', JSON.stringify(nine));
    const lines = Object.entries(nine).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
    const yaml = await write('inputs.yaml', lines.join('\n'));
    assert.deepEqual(await read([{ file: json }]), await read([{ file: yaml }]));
  });

  test('precedence is Terraform’s: environment, terraform.tfvars, its JSON, *.auto.tfvars by name, then as typed', async () => {
    const value = async (
      typed: readonly Argument[] = [],
      environment: Readonly<Record<string, string>> = {},
    ): Promise<number> => (await read(typed, environment)).IdleClientTimeout;
    await write('terraform.tfvars', tfvars);
    const environment = { TF_VAR_IdleClientTimeout: '1' };
    assert.equal(await value([], environment), 1);
    await write('terraform.tfvars', `${tfvars}IdleClientTimeout = 2\n`);
    assert.equal(await value([], environment), 2);
    await write('terraform.tfvars.json', '{"IdleClientTimeout":3}');
    assert.equal(await value([], environment), 3);
    await write('b.auto.tfvars', 'IdleClientTimeout = 5');
    await write('a.auto.tfvars', 'IdleClientTimeout = 4');
    assert.equal(await value([], environment), 5);
    const file = await write('more.tfvars', 'IdleClientTimeout = 6');
    const flag: Argument = { name: 'IdleClientTimeout', value: '7', flag: '--var' };
    assert.equal(await value([{ file }, flag], environment), 7);
    assert.equal(await value([flag, { file }], environment), 6);
  });

  test('a map from a variable is HCL, a string is used unchanged', async () => {
    const inputs = await read(
      all.filter((one) => !('name' in one) || !one.name.startsWith('vpc_subnet')),
      { TF_VAR_vpc_subnet_filter_tag: '{ Name = "inner" }', TF_VAR_somebody_elses: 'x' },
    );
    assert.deepEqual(inputs.vpc_subnet_filter_tag, { Name: 'inner' });
  });

  for (const [what, text, detail] of [
    [
      'an unknown input',
      'idle_client_timeout = 5',
      /no input idle_client_timeout; did you mean IdleClientTimeout\?/,
    ],
    ['a misspelt one', 'rds_instanc_id = "x"', /did you mean rds_instance_id\?/],
    ['an input of MySQL', 'SessionPinningFilters = []', /refuses it for PostgreSQL/],
    ['a wrong type', 'RequireTLS = "maybe"', /RequireTLS is "maybe"; it must be true or false/],
    ['a list for a map', 'rds_proxy_tags = ["a"]', /must be a map/],
    ['a number out of range', 'ConnectionBorrowTimeout = 301', /is 301; it must be 0 to 300 s/],
    ['a fraction', 'IdleClientTimeout = 1.5', /must be a whole number/],
    ['a wrong choice', 'engine = "rdsproxy"', /did you mean rds-proxy\?/],
    ['a wrong account', 'aws_account_id = "12"', /twelve digits/],
    [
      'a region that does not exist',
      'aws_region = "eu-centrl-1"',
      /not an AWS region; did you mean eu-central-1/,
    ],
    ['a wrong name', 'rds_instance_id = "a--b"', /single hyphens/],
    ['a reserved tag', 'rds_proxy_tags = { "aws:x" = "1" }', /aws: is reserved/],
    [
      'idle above max',
      'MaxConnectionsPercent = 20\nMaxIdleConnectionsPercent = 30',
      /is 30, above/,
    ],
    ['IAM without TLS', 'RequireTLS = false\nIAMAuth = "REQUIRED"', /IAM authentication needs TLS/],
    [
      'clients of a given group',
      'ClientCidrs = ["10.0.0.0/8"]',
      /needs CreateSecurityGroup = true/,
    ],
    [
      'a group that is no id',
      'CreateSecurityGroup = true\nClientSecurityGroupIds = ["web"]',
      /ClientSecurityGroupIds\[0\] is "web"; it must be sg-/,
    ],
    [
      'an invalid range',
      'CreateSecurityGroup = true\nClientCidrs = ["10.0.0.300/8"]',
      /must be an IPv4 range/,
    ],
    ['an unknown field', 'Auth = [{ SecretNam = "x" }]', /did you mean SecretName\?/],
    [
      'a missing field',
      'DBProxyEndpoints = [{}]',
      /DBProxyEndpoints\[0\]\.DBProxyEndpointName is missing/,
    ],
    ['a secret named twice', 'Auth = [{ SecretName = "orders-database" }]', /is named twice/],
    ['an acknowledgement without a reason', 'Acknowledge = { "SLUICE-TLS" = "" }', /has no reason/],
    ['engine sluice alone', 'engine = "sluice"', /engine sluice needs ContainerImage/],
    ['an expression', 'vpc_id = upper("x")', /function call/],
    ['text that is not HCL', 'vpc_id = ', /cannot read .*:1,10-10: Missing expression/],
  ] as const) {
    test(`${what} is reported in one clear message`, async () => {
      const file = await write('wrong.tfvars', text);
      const found = await problems([...all, { file }]);
      assert.ok(
        found.some((problem) => detail.test(problem)),
        found.join('\n'),
      );
    });
  }

  test('a wrong input is not also reported as missing', async () => {
    const file = await write('wrong.tfvars', 'DnsName = "a.example.com"\nHostedZoneId = "zone"');
    const detail = await problems([...all, { file }]);
    assert.equal(detail.length, 1, detail.join('\n'));
    assert.match(detail[0] ?? '', /HostedZoneId is "zone"; it must be Z and/);
    const alone = await write('alone.tfvars', 'DnsName = "a.example.com"');
    assert.match((await problems([...all, { file: alone }])).join(), /belong together/);
  });

  test('all problems are reported at once', async () => {
    const file = await write('wrong.tfvars', 'RequireTLS = 5\nnonsense = 1\nIdleClientTimeout = 0');
    assert.equal((await problems([...all, { file }])).length, 3);
  });

  test('a file that is missing, or of another kind, is reported', async () => {
    assert.match(
      (await problems([{ file: join(folder, 'no.tfvars') }]))[0] ?? '',
      /there is no inputs file .*no\.tfvars/,
    );
    const other = await write('inputs.txt', '');
    assert.match((await problems([{ file: other }]))[0] ?? '', /must end in \.tfvars/);
  });

  test('UTF-16, as PowerShell writes it, is reported in one sentence', async () => {
    const file = join(folder, 'wide.tfvars');
    for (const text of [
      Buffer.from('\uFEFFvpc_id = "x"', 'utf16le'),
      Buffer.from('vpc_id = "x"', 'utf16le'),
    ]) {
      await writeFile(file, text);
      const detail = await problems([{ file }]);
      assert.equal(detail.length, 1);
      assert.match(detail[0] ?? '', /wide\.tfvars is UTF-16, as PowerShell/);
      assert.ok((detail[0] ?? '').length < 200 + folder.length);
    }
  });

  test('JSON may start with a byte order mark and have comments; a name that is set twice is refused', async () => {
    const text = JSON.stringify({ '//': 'a comment', ...nine, IdleClientTimeout: 7 });
    const file = await write('inputs.tfvars.json', `\uFEFF${text}`);
    assert.equal((await read([{ file }])).IdleClientTimeout, 7);
    const twice = await write(
      'twice.tfvars.json',
      '{\n  "IdleClientTimeout": 1,\n  "IdleClientTimeout": 2\n}',
    );
    assert.match(
      (await problems([...all, { file: twice }]))[0] ?? '',
      /twice\.tfvars\.json:3: IdleClientTimeout .* line 2/,
    );
    const short = await write('short.json', '{"IdleClientTimeout":1,"IdleClientTimeout":2}');
    assert.match(
      (await problems([...all, { file: short }]))[0] ?? '',
      /short\.json:1: IdleClientTimeout was set already/,
    );
  });

  test('null means not given, and 60.0 is an integer', async () => {
    const file = await write('a.tfvars', 'IdleClientTimeout = null\nrds_proxy_tags = null\n');
    const inputs = await read([...all, { file }], { TF_VAR_ConnectionBorrowTimeout: '60.0' });
    assert.equal(inputs.IdleClientTimeout, 1800);
    assert.deepEqual(inputs.rds_proxy_tags, {});
    assert.equal(inputs.ConnectionBorrowTimeout, 60);
  });

  test('an unknown name is a note in a file that was found, and an error in one that was named', async () => {
    await write('terraform.tfvars', `${tfvars}environment = "prod"\n`);
    const { warnings } = await readInputs({ directory: folder, environment: {}, arguments: [] });
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /terraform\.tfvars:\d+: there is no input environment/);
    const named = await problems([{ file: join(folder, 'terraform.tfvars') }]);
    assert.match(named.join(), /terraform\.tfvars:\d+: there is no input environment/);
    const flag: Argument = { name: 'environment', value: 'prod', flag: '--var environment' };
    assert.match((await problems([flag])).join(), /--var environment: there is no input/);
  });

  test('a number beyond 2^53 keeps its digits in JSON, too', async () => {
    const file = await write('a.tfvars.json', '{"rds_proxy_tags":{"n":12345678901234567890}}');
    const inputs = await read([...all, { file }]);
    assert.equal(inputs.rds_proxy_tags['n'], '12345678901234567890');
  });

  test('inputs that contradict each other have the file and line of the first that was given', async () => {
    const file = await write(
      'a.tfvars',
      'MaxConnectionsPercent = 20\nMaxIdleConnectionsPercent = 30\nRequireTLS = false\nIAMAuth = "REQUIRED"\n' +
        'PermissionsBoundaryArn = "arn:aws:iam::999999999999:policy/bound"\n',
    );
    const detail = await problems([...all, { file }]);
    assert.deepEqual(
      detail.map((problem) => /a\.tfvars:(\d+): (\w+)/.exec(problem)?.slice(1)),
      [
        ['5', 'PermissionsBoundaryArn'],
        ['2', 'MaxIdleConnectionsPercent'],
        ['3', 'IAM'],
      ],
    );
  });

  test('a wrong value has its file and line', async () => {
    const file = await write('a.tfvars', '# a comment\n\nIdleClientTimeout = 0\n');
    assert.match(
      (await problems([...all, { file }]))[0] ?? '',
      /a\.tfvars:3: IdleClientTimeout is 0/,
    );
    const yaml = await write('a.yaml', 'RequireTLS: true\nIdleClientTimeout: 0\n');
    assert.match((await problems([...all, { file: yaml }]))[0] ?? '', /a\.yaml:2: IdleClient/);
  });

  test('a value that is given for a secret by mistake is not repeated', async () => {
    const file = await write(
      'a.tfvars',
      'TlsSecretName = { certificate = "-----BEGIN" }\nInitQuery = ["set x = hush"]\n',
    );
    const detail = (await problems([...all, { file }])).join('\n');
    assert.match(detail, /TlsSecretName/);
    assert.match(detail, /InitQuery/);
    assert.doesNotMatch(detail, /BEGIN|hush/);
  });

  for (const [tags, detail] of [
    ['{ "rds:x" = "1" }', /rds: is reserved/],
    ['{ Team = "a & b" }', /has "&" in "a & b"/],
    ['{ "a;b" = "x" }', /has ";" in "a;b"/],
    ['{ Team = "a*" }', /has "\*"/],
    ['{ Team = "a, b" }', /has ","/],
  ] as const) {
    test(`the tags ${tags} are refused, as by RDS`, async () => {
      const file = await write('a.tfvars', `rds_proxy_tags = ${tags}\n`);
      assert.match((await problems([...all, { file }])).join(), detail);
    });
  }

  for (const [what, more, detail] of [
    ['too little memory', { TaskCpu: 1024, TaskMemory: 1024 }, /Fargate accepts 2048 to 8192/],
    ['MinTasks above MaxTasks', { MinTasks: 5 }, /above MaxTasks/],
    [
      'IAM tokens to a database that is not verified',
      { IAMAuth: 'REQUIRED', TargetTls: 'require' },
      /TargetTls is require; with IAM tokens it must be verify-full/,
    ],
    [
      'IAM tokens from clients and passwords for their users',
      { IAMAuth: 'REQUIRED', SluiceSettings: { TargetIamAuth: 'false' } },
      /cannot log in with passwords/,
    ],
    [
      'no secret and no user for its health checks',
      { DefaultAuthScheme: 'IAM_AUTH', rds_secret_name: undefined },
      /needs SluiceSettings = \{ HealthCheckUser/,
    ],
    [
      'a value that the daemon refuses',
      { SluiceSettings: { QueryTimeout: 'soon' } },
      /SluiceSettings\.QueryTimeout: /,
    ],
    ['a setting that is a list', { SluiceSettings: { Endpoints: 'x' } }, /Endpoints is a list/],
    [
      'an unknown setting',
      { SluiceSettings: { QueryTimeuot: '5' } },
      /did you mean QueryTimeout\?/,
    ],
    [
      'a setting that is an input',
      { SluiceSettings: { PoolSize: '5' } },
      /give the input PoolSize/,
    ],
    ['more tasks than percents', { MaxTasks: 60 }, /each needs 1 %/],
    ['more endpoints', { DBProxyEndpoints: [{ DBProxyEndpointName: 'ro' }] }, /one endpoint/],
  ] as const) {
    test(`engine sluice refuses ${what}`, () => {
      assert.throws(() => checkInputs({ ...nine, ...sluiceInputs, ...more }), detail);
    });
  }

  test('every input has a doc, and a default that passes its own checks', () => {
    for (const [name, spec] of Object.entries(inputTable)) {
      assert.ok(spec.doc.length > 10, name);
    }
    assert.doesNotThrow(() => checkInputs({ ...nine }));
    assert.doesNotThrow(() => checkInputs({ ...nine, ...sluiceInputs }));
  });
});
