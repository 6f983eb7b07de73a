import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { designOf } from '../../src/actions/design.ts';
import { Template } from '../../src/resolve/template.ts';
import { rules } from '../../src/security/rules.ts';
import { violations } from '../../src/security/report.ts';
import { sarif } from '../../src/security/sarif.ts';
import { checks } from '../../src/preflight/run.ts';
import { placesIn } from '../../src/shell/write-sarif.ts';
import { inputsWith, resolvedWith, secretArn, sluiceInputs } from '../subject.ts';

type Resources = Readonly<Record<string, { Type: string; Properties: object }>>;

const design = designOf(inputsWith(), resolvedWith(), undefined, false);
const sluice = designOf(inputsWith(sluiceInputs), resolvedWith(), undefined, false);

function proxy(properties: object): Resources {
  return {
    Proxy: {
      Type: 'AWS::RDS::DBProxy',
      Properties: {
        DBProxyName: 'orders',
        RequireTLS: true,
        IdleClientTimeout: 1800,
        VpcSubnetIds: ['a', 'b'],
        Auth: [{ SecretArn: secretArn, IAMAuth: 'DISABLED' }],
        ...properties,
      },
    },
  };
}

function pool(properties: object): Resources {
  return {
    Group: {
      Type: 'AWS::RDS::DBProxyTargetGroup',
      Properties: {
        ConnectionPoolConfigurationInfo: {
          MaxConnectionsPercent: 100,
          MaxIdleConnectionsPercent: 50,
          ConnectionBorrowTimeout: 120,
          ...properties,
        },
      },
    },
  };
}

function balancer(properties: object): Resources {
  return {
    Balancer: {
      Type: 'AWS::ElasticLoadBalancingV2::LoadBalancer',
      Properties: { Name: 'orders', Scheme: 'internal', ...properties },
    },
  };
}

function ecsService(properties: object): Resources {
  return { Service: { Type: 'AWS::ECS::Service', Properties: properties } };
}

function group(properties: object): Resources {
  return { Group: { Type: 'AWS::EC2::SecurityGroup', Properties: properties } };
}

function task(name: string, value: string): Resources {
  return {
    Task: {
      Type: 'AWS::ECS::TaskDefinition',
      Properties: {
        ContainerDefinitions: [
          {
            Environment: [
              { Name: 'SLUICE_REQUIRE_TLS', Value: 'true' },
              { Name: name, Value: value },
            ],
          },
        ],
      },
    },
  };
}

/** For each rule, templates that violate it, and the finding. */
const broken: readonly (readonly [rule: string, resources: Resources, detail: RegExp])[] = [
  ['SLUICE-TLS', proxy({ RequireTLS: false }), /RequireTLS is not true/],
  ['SLUICE-TLS', task('SLUICE_REQUIRE_TLS', 'false'), /SLUICE_REQUIRE_TLS is not true/],
  ['SLUICE-DEBUG', proxy({ DebugLogging: true }), /DebugLogging is true/],
  ['SLUICE-DEBUG', task('SLUICE_DEBUG_LOGGING', 'true'), /SLUICE_DEBUG_LOGGING is true/],
  [
    'SLUICE-SECRET-ARN',
    proxy({ Auth: [{ SecretArn: secretArn.slice(0, -7) }] }),
    /is not a complete ARN/,
  ],
  [
    'SLUICE-OPEN-PORT',
    group({
      SecurityGroupIngress: [
        { IpProtocol: 'tcp', FromPort: 5432, ToPort: 5432, CidrIp: '0.0.0.0/0' },
      ],
    }),
    /ports 5432 to 5432 are open to 0\.0\.0\.0\/0/,
  ],
  [
    'SLUICE-OPEN-PORT',
    {
      Rule: {
        Type: 'AWS::EC2::SecurityGroupIngress',
        Properties: { IpProtocol: '-1', CidrIpv6: '::/0' },
      },
    },
    /ports 0 to 65535 are open to ::\/0/,
  ],
  [
    'SLUICE-EGRESS',
    group({ SecurityGroupEgress: [{ IpProtocol: '-1', CidrIp: '0.0.0.0/0' }] }),
    /open outward to 0\.0\.0\.0\/0/,
  ],
  [
    'SLUICE-EGRESS',
    {
      Rule: {
        Type: 'AWS::EC2::SecurityGroupEgress',
        Properties: {
          IpProtocol: 'tcp',
          FromPort: 5432,
          ToPort: 5432,
          DestinationSecurityGroupId: 'sg-unknown',
        },
      },
    },
    /sg-unknown/,
  ],
  [
    'SLUICE-LOG-RETENTION',
    { Log: { Type: 'AWS::Logs::LogGroup', Properties: {} } },
    /RetentionInDays is not set/,
  ],
  ['SLUICE-NAME', proxy({ DBProxyName: '1bad_name--' }), /DBProxyName is "1bad_name--"/],
  ['SLUICE-PERCENT', pool({ MaxIdleConnectionsPercent: 101 }), /allowed are 0 to 100/],
  ['SLUICE-PERCENT', pool({ ConnectionBorrowTimeout: 301 }), /allowed are 0 to 300/],
  ['SLUICE-PERCENT', proxy({ IdleClientTimeout: 0 }), /allowed are 1 to 28800/],
  ['SLUICE-ZONES', proxy({ VpcSubnetIds: ['a'] }), /has 1 subnets/],
  ['SLUICE-ZONES', balancer({ SubnetMappings: [{ SubnetId: 'a' }] }), /has 1 subnets/],
  ['SLUICE-EXEC', ecsService({ EnableExecuteCommand: true }), /EnableExecuteCommand is true/],
  [
    'SLUICE-SPOT',
    ecsService({ CapacityProviderStrategy: [{ CapacityProvider: 'FARGATE_SPOT', Weight: 1 }] }),
    /every task runs on Fargate Spot/,
  ],
  [
    'SLUICE-SPOT',
    ecsService({
      CapacityProviderStrategy: [
        { CapacityProvider: 'FARGATE', Weight: 0 },
        { CapacityProvider: 'FARGATE_SPOT', Weight: 1 },
      ],
    }),
    /every task runs on Fargate Spot/,
  ],
  [
    'SLUICE-PUBLIC',
    balancer({ Scheme: 'internet-facing', Subnets: ['a', 'b'] }),
    /Scheme is "internet-facing"/,
  ],
  // Without a scheme AWS creates a public one.
  ['SLUICE-PUBLIC', balancer({ Scheme: undefined, Subnets: ['a', 'b'] }), /Scheme is undefined/],
  [
    'SLUICE-ROLE',
    {
      Policy: {
        Type: 'AWS::IAM::ManagedPolicy',
        Properties: { PolicyDocument: { Statement: [{ Action: 'secretsmanager:*' }] } },
      },
    },
    /it allows secretsmanager:\*/,
  ],
  [
    'SLUICE-ROLE',
    {
      Role: {
        Type: 'AWS::IAM::Role',
        Properties: { ManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess'] },
      },
    },
    /AdministratorAccess/,
  ],
];

suite('our own security rules', () => {
  for (const [id, resources, detail] of broken) {
    test(`${id} finds ${detail.source}`, () => {
      const rule = rules.find((one) => one.id === id);
      assert.ok(rule);
      const found = rule.run(new Template({ Resources: resources }), design.model);
      assert.equal(found.length, 1, JSON.stringify(found));
      assert.match(found[0]?.detail ?? '', detail);
    });
  }

  test('SLUICE-IAM finds an omitted user, and a missing scheme', () => {
    const rule = rules.find((one) => one.id === 'SLUICE-IAM');
    assert.ok(rule);
    const asked = designOf(inputsWith({ IAMAuth: 'REQUIRED' }), resolvedWith(), undefined, false);
    assert.deepEqual(rule.run(new Template(asked.synthesized.template), asked.model), []);
    const [weak] = rule.run(new Template({ Resources: proxy({}) }), asked.model);
    assert.match(weak?.detail ?? '', /does not require IAM/);
    const model = {
      ...asked.model,
      inputs: { ...asked.model.inputs, DefaultAuthScheme: 'IAM_AUTH' as const },
    };
    const found = rule.run(
      new Template({ Resources: proxy({ Auth: [{ IAMAuth: 'REQUIRED' }] }) }),
      model,
    );
    assert.match(found[0]?.detail ?? '', /DefaultAuthScheme is not IAM_AUTH/);
  });

  test('SLUICE-IAM finds the same in the settings of the tasks', () => {
    const rule = rules.find((one) => one.id === 'SLUICE-IAM');
    assert.ok(rule);
    const iam = { ...sluiceInputs, IAMAuth: 'REQUIRED' };
    const asked = designOf(inputsWith(iam), resolvedWith(), undefined, false);
    assert.deepEqual(rule.run(new Template(asked.synthesized.template), asked.model), []);
    const weak = JSON.stringify({ Auth: [{ SecretArn: secretArn, IAMAuth: 'DISABLED' }] });
    const found = rule.run(new Template({ Resources: task('SETTINGS_JSON', weak) }), asked.model);
    assert.match(found[0]?.detail ?? '', /does not require IAM, and IAMAuth is REQUIRED/);

    const tokens = { ...sluiceInputs, DefaultAuthScheme: 'IAM_AUTH' };
    const all = designOf(inputsWith(tokens), resolvedWith(), undefined, false);
    assert.deepEqual(rule.run(new Template(all.synthesized.template), all.model), []);
    const [open] = rule.run(new Template({ Resources: task('SETTINGS_JSON', '{}') }), all.model);
    assert.match(open?.detail ?? '', /no rule asks clients for IAM tokens/);
  });

  test('SLUICE-OPEN-PORT finds a given group that is open to everybody', () => {
    const rule = rules.find((one) => one.id === 'SLUICE-OPEN-PORT');
    const rulesOf = ['sg-1 (orders): all ports from 0.0.0.0/0'];
    const { model } = designOf(
      inputsWith(),
      resolvedWith({ open_group_rules: rulesOf }),
      undefined,
      false,
    );
    const [found] = rule?.run(new Template({ Resources: {} }), model) ?? [];
    assert.match(found?.detail ?? '', /open to everybody: sg-1/);
  });

  test('each rule has a case that violates it', () => {
    const covered = new Set(['SLUICE-IAM', ...broken.map(([id]) => id)]);
    assert.deepEqual(
      rules.map((rule) => rule.id).filter((id) => !covered.has(id)),
      [],
    );
  });

  for (const [engine, { synthesized, model }] of [
    ['rds-proxy', design],
    ['sluice', sluice],
  ] as const) {
    for (const rule of rules) {
      test(`the template of engine ${engine} complies with ${rule.id}`, () => {
        assert.deepEqual(rule.run(new Template(synthesized.template), model), []);
      });
    }
  }
});

suite('the security report', () => {
  test('cdk-nag’s packs run, and every acknowledgement of the project has a reason', () => {
    for (const { security } of [design, sluice]) {
      assert.deepEqual(security.packs, ['Sluice', 'AwsSolutions', 'NIST.800.53.R5']);
      assert.deepEqual(violations(security), []);
      assert.ok(security.findings.every((finding) => (finding.reason ?? '') !== ''));
    }
    assert.ok(sluice.security.findings.some((finding) => finding.rule === 'AwsSolutions-ELB2'));
  });

  test('a violated rule is a violation until the inputs acknowledge it with a reason', () => {
    const open = designOf(inputsWith({ RequireTLS: false }), resolvedWith(), undefined, false);
    assert.deepEqual(
      violations(open.security).map((finding) => finding.rule),
      ['SLUICE-TLS'],
    );
    const Acknowledge = { 'SLUICE-TLS': 'a test database', 'SLUICE-ZONE': 'a slip of the pen' };
    const known = designOf(
      inputsWith({ RequireTLS: false, Acknowledge }),
      resolvedWith(),
      undefined,
      false,
    );
    assert.deepEqual(violations(known.security), []);
    const finding = known.security.findings.find((one) => one.rule === 'SLUICE-TLS');
    assert.equal(finding?.reason, 'a test database');
    assert.equal(finding?.by, 'inputs');
    assert.deepEqual(known.security.unused, ['SLUICE-ZONE']);
  });

  test('a group open to the world is a violation', () => {
    const open = designOf(
      inputsWith({ CreateSecurityGroup: true, ClientCidrs: ['0.0.0.0/0'] }),
      resolvedWith({ security_group_ids: [] }),
      undefined,
      false,
    );
    assert.ok(violations(open.security).some((finding) => finding.rule === 'SLUICE-OPEN-PORT'));
    assert.ok(
      violations(open.security).some((finding) => finding.rule.startsWith('AwsSolutions-EC23')),
    );
  });

  test('SARIF names the file within the repository, and the line of the input that a finding is about', () => {
    const open = designOf(inputsWith({ RequireTLS: false }), resolvedWith(), undefined, false);
    const places = placesIn(
      {
        vpc_id: '/repo/env/a.tfvars:3',
        RequireTLS: '/repo/env/b.tfvars:7',
        engine: '--var engine',
      },
      '/repo',
    );
    const check = checks[1];
    assert.ok(check);
    const text = JSON.stringify(
      sarif(open.security, (text) => places(text) ?? { uri: 'none', line: 0 }, [
        { ...check, status: 'failed', found: 'correct vpc_id, not RequireTLS', fix: 'do' },
        { ...check, status: 'warning', found: 'something else' },
      ]),
    );
    const { runs } = JSON.parse(text) as {
      runs: {
        results: {
          ruleId: string;
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: string };
                region: { startLine: number };
              };
            },
          ];
        }[];
      }[];
    };
    const found = (runs[0]?.results ?? []).map(({ ruleId, locations: [{ physicalLocation }] }) => [
      ruleId,
      `${physicalLocation.artifactLocation.uri}:${physicalLocation.region.startLine}`,
    ]);
    assert.ok(found.some(([rule, place]) => rule === 'SLUICE-TLS' && place === 'env/b.tfvars:7'));
    assert.deepEqual(found.slice(-2), [
      [check.code, 'env/a.tfvars:3'],
      [check.code, 'env/b.tfvars:1'],
    ]);
    assert.equal(placesIn({ engine: '--var engine' })('engine'), undefined);
  });

  test('SARIF has every finding, and suppresses acknowledged ones', () => {
    const text = JSON.stringify(sarif(sluice.security));
    const { runs } = JSON.parse(text) as {
      runs: { results: { ruleId: string; suppressions?: unknown[] }[] }[];
    };
    const results = runs[0]?.results ?? [];
    assert.equal(results.length, sluice.security.findings.length);
    assert.ok(results.every((result) => result.suppressions?.length === 1));
  });
});
