import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { designOf } from '../../src/actions/design.ts';
import { parseHcl } from '../../src/inputs/hcl.ts';
import { checkInputs } from '../../src/inputs/read.ts';
import { violations } from '../../src/security/report.ts';
import { nine, resolvedWith, secretArn } from '../subject.ts';

/** The nine as HCL, without those that are named. */
function base(...without: readonly string[]): string {
  return Object.entries(nine)
    .filter(([name]) => !without.includes(name))
    .map(
      ([name, value]) =>
        `${name} = ${typeof value === 'string' ? JSON.stringify(value) : '{ Name = "private" }'}\n`,
    )
    .join('');
}

const sluice = `engine = "sluice"
ContainerImage = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/sluice:0.1.0"
TlsSecretName = "orders-tls"
`;

/** Inputs that public configurations have, rewritten, with what they are to come to. */
const configurations: readonly (readonly [
  what: string,
  text: string,
  verdict: 'plan' | RegExp,
  resolved?: Readonly<Record<string, unknown>>,
])[] = [
  [
    'five empty strings, as a sample project ships them',
    'aws_account_id = ""\naws_region = ""\nvpc_id = ""\nrds_instance_id = ""\nrds_proxy_role = ""\n',
    /is empty/,
  ],
  [
    'a cluster with IAM, its own groups and tagged endpoints',
    `${base('rds_instance_id', 'rds_security_group_name')}DBClusterIdentifier = "orders"\nIAMAuth = "REQUIRED"\nSecurityGroupIds = ["sg-0a000000000000000"]\nDBProxyEndpoints = [{ DBProxyEndpointName = "ro", TargetRole = "READ_ONLY", Tags = { Use = "read" } }]\n`,
    'plan',
  ],
  [
    'an instance with IAM and its role made',
    `${base('rds_proxy_role')}CreateRole = true\nIAMAuth = "REQUIRED"\n`,
    'plan',
    { role_arn: undefined },
  ],
  [
    'two secrets, a key of its own, 90 % and a read-only endpoint',
    `${base()}Auth = [{ SecretName = "orders-reader" }]\nMaxConnectionsPercent = 90\nDBClusterIdentifier = "orders"\nDBProxyEndpoints = [{ DBProxyEndpointName = "ro", TargetRole = "READ_ONLY" }]\n`,
    'plan',
    {
      secret_arns: {
        'orders-database': secretArn,
        'orders-reader': secretArn.replace('database', 'reader'),
      },
    },
  ],
  [
    'subnets and groups by id, as lists',
    `${base('vpc_subnet_filter_tag', 'rds_security_group_name')}SubnetIds = ["subnet-0a000000000000000", "subnet-0b000000000000000"]\nSecurityGroupIds = ["sg-0a000000000000000", "sg-0b000000000000000"]\n`,
    'plan',
  ],
  [
    'an endpoint in other subnets with other groups',
    `${base()}DBProxyEndpoints = [{ DBProxyEndpointName = "far", VpcSubnetIds = ["subnet-0c000000000000000", "subnet-0d000000000000000"], VpcSecurityGroupIds = ["sg-0c000000000000000"] }]\n`,
    'plan',
  ],
  [
    'IAM on both legs without a secret',
    `${base('rds_secret_name', 'rds_proxy_role')}DefaultAuthScheme = "IAM_AUTH"\nCreateRole = true\n`,
    'plan',
    { secret_arns: {}, role_arn: undefined },
  ],
  ['IAM on both legs with a secret beside it', `${base()}DefaultAuthScheme = "IAM_AUTH"\n`, 'plan'],
  [
    'a private link to clients of another account',
    `${base()}${sluice}PrivateLinkPrincipals = ["arn:aws:iam::210987654321:root"]\n`,
    'plan',
  ],
  [
    'a DNS name and group rules of its own',
    `${base()}DnsName = "orders.db.example.com"\nHostedZoneId = "Z0123456789"\nCreateSecurityGroup = true\nClientCidrs = ["10.0.0.0/8"]\n`,
    'plan',
    { security_group_ids: [] },
  ],
  ['TLS not required', `${base()}RequireTLS = false\n`, /SLUICE-TLS/],
  [
    'two groups and a log group of somebody else',
    `${base('rds_security_group_name')}SecurityGroupIds = ["sg-0a000000000000000", "sg-0b000000000000000"]\nManageLogGroup = false\n`,
    'plan',
  ],
  [
    'a second proxy on one database',
    `${base()}DBProxyName = "orders-reports"\nMaxConnectionsPercent = 30\n`,
    'plan',
  ],
  [
    'everything retained, 25 % of the connections',
    `${base()}RetainOnDelete = true\nTerminationProtection = true\nMaxConnectionsPercent = 25\n`,
    'plan',
  ],
  [
    'a larger project’s file, with names of other tools',
    `${base()}environment = "prod"\n`,
    /no field environment/,
  ],
];

suite('public configurations', () => {
  test('there are fifteen', () => assert.equal(configurations.length, 15));

  for (const [what, text, verdict, resolved] of configurations) {
    test(`${what}: ${verdict === 'plan' ? 'is planned' : `is refused (${String(verdict)})`}`, async () => {
      const parsed = await parseHcl(text, 'terraform.tfvars');
      const given = Object.fromEntries([...parsed].map(([name, { value }]) => [name, value]));
      const told = (): string => {
        const { security } = designOf(checkInputs(given), resolvedWith(resolved), undefined, false);
        return violations(security)
          .map((finding) => finding.rule)
          .join();
      };
      if (verdict === 'plan') {
        assert.equal(told(), '');
        return;
      }
      assert.throws(() => {
        throw new Error(told());
      }, verdict);
    });
  }
});
