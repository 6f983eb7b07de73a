import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { callerWishes } from '../../src/resolve/caller-wishes.ts';
import { designOf } from '../../src/actions/design.ts';
import { inputsWith, resolvedWith, sluiceInputs } from '../subject.ts';

function wishes(
  inputs: Readonly<Record<string, unknown>>,
  roleArn?: string,
  deployed?: Readonly<Record<string, unknown>>,
): string[] {
  return callerWishes(inputsWith(inputs), roleArn, deployed).map(
    ({ action, resource }) => `${action} ${resource}`,
  );
}

suite('the permissions that the caller needs', () => {
  for (const [region, partition] of [
    ['eu-central-1', 'aws'],
    ['cn-north-1', 'aws-cn'],
    ['us-gov-west-1', 'aws-us-gov'],
  ] as const) {
    test(`in ${region} every ARN has the partition ${partition}`, () => {
      for (const engine of [{ CreateRole: true }, sluiceInputs]) {
        const all = wishes({
          ...engine,
          aws_region: region,
          HostedZoneId: 'Z1',
          DnsName: 'a.example.com',
          OutputParameterPrefix: '/a',
          TemplateBucket: 'b',
        });
        const arns = all.filter((wish) => wish.includes(' arn:'));
        assert.ok(arns.length > 8);
        assert.deepEqual(
          arns.filter((wish) => !wish.includes(` arn:${partition}:`)),
          [],
        );
      }
    });
  }

  for (const [what, inputs, wanted] of [
    ['a given role is passed', {}, 'iam:PassRole arn:aws:iam::123456789012:role/r'],
    [
      'a role is made at its path',
      { CreateRole: true, RolePath: '/platform/' },
      'iam:CreateRole arn:aws:iam::123456789012:role/platform/orders-proxy-role',
    ],
    [
      'the service is made in a given cluster',
      { ...sluiceInputs, EcsClusterName: 'shared' },
      'ecs:CreateService arn:aws:ecs:eu-central-1:123456789012:service/shared/*',
    ],
    ['a group is made', { CreateSecurityGroup: true }, 'ec2:AuthorizeSecurityGroupEgress *'],
    [
      'the database is opened',
      { CreateSecurityGroup: true, AllowDatabaseIngress: true },
      'ec2:AuthorizeSecurityGroupIngress arn:aws:ec2:eu-central-1:123456789012:security-group/*',
    ],
    [
      'further endpoints',
      { DBProxyEndpoints: [{ DBProxyEndpointName: 'a' }] },
      'rds:CreateDBProxyEndpoint arn:aws:rds:eu-central-1:123456789012:db-proxy-endpoint:*',
    ],
    [
      'a DNS name',
      { DnsName: 'a.example.com', HostedZoneId: 'Z1' },
      'route53:ChangeResourceRecordSets arn:aws:route53:::hostedzone/Z1',
    ],
    [
      'parameters',
      { OutputParameterPrefix: '/a' },
      'ssm:PutParameter arn:aws:ssm:eu-central-1:123456789012:parameter/a/endpoint',
    ],
    ['a bucket', { TemplateBucket: 'b' }, 's3:PutObject arn:aws:s3:::b/*'],
    [
      'a permissions boundary',
      { CreateRole: true, PermissionsBoundaryArn: 'arn:aws:iam::123456789012:policy/b' },
      'iam:PutRolePermissionsBoundary arn:aws:iam::123456789012:role/orders-proxy-role',
    ],
    [
      'a protected stack',
      { TerminationProtection: true },
      'cloudformation:UpdateTerminationProtection arn:aws:cloudformation:eu-central-1:123456789012:stack/sluice-orders/*',
    ],
    [
      'a key of the logs',
      { LogKmsKeyArn: 'arn:aws:kms:eu-central-1:123456789012:key/k' },
      'logs:AssociateKmsKey arn:aws:logs:eu-central-1:123456789012:log-group:*',
    ],
    [
      'PrivateLink',
      { ...sluiceInputs, PrivateLinkPrincipals: ['*'] },
      'ec2:CreateVpcEndpointServiceConfiguration *',
    ],
    [
      'the dashboard',
      sluiceInputs,
      'cloudwatch:PutDashboard arn:aws:cloudwatch::123456789012:dashboard/sluice-orders',
    ],
  ] as const) {
    test(what, () => {
      const all = wishes(inputs, 'arn:aws:iam::123456789012:role/r');
      assert.ok(all.includes(wanted), all.join('\n'));
    });
  }

  test('a deployed engine is changed, not created again', () => {
    const { template } = designOf(
      inputsWith(sluiceInputs),
      resolvedWith(),
      undefined,
      false,
    ).synthesized;
    const actions = wishes(sluiceInputs, undefined, template).map((wish) => wish.split(' ')[0]);
    assert.ok(actions.includes('ecs:UpdateService'));
    assert.deepEqual(
      actions.filter((action) =>
        /:Delete(?!Stack)|CreateService|CreateLoadBalancer/.test(action ?? ''),
      ),
      [],
    );
  });

  for (const [from, to, wanted] of [
    [
      { ...sluiceInputs, PrivateLinkPrincipals: ['*'] },
      {},
      [
        'application-autoscaling:DeregisterScalableTarget',
        'cloudwatch:DeleteAlarms',
        'cloudwatch:DeleteDashboards',
        'ec2:DeleteSecurityGroup',
        'ec2:DeleteVpcEndpointServiceConfigurations',
        'ecs:DeleteCluster',
        'ecs:DeleteService',
        'ecs:DeregisterTaskDefinition',
        'elasticloadbalancing:DeleteLoadBalancer',
        'iam:DeletePolicy',
        'iam:DeleteRole',
      ],
    ],
    [
      { CreateRole: true, DBProxyEndpoints: [{ DBProxyEndpointName: 'a' }] },
      sluiceInputs,
      ['iam:DeleteRole', 'rds:DeleteDBProxy', 'rds:DeleteDBProxyEndpoint'],
    ],
  ] as const) {
    test(`a change to engine ${'engine' in to ? to.engine : 'rds-proxy'} needs the permissions to remove the other one`, () => {
      const resolved = resolvedWith({ role_arn: undefined });
      const design = designOf(inputsWith(from), resolved, undefined, false);
      const actions = new Set(
        wishes(to, undefined, design.synthesized.template).map((wish) => wish.split(' ')[0]),
      );
      assert.deepEqual(
        wanted.filter((action) => !actions.has(action)),
        [],
      );
    });
  }

  test('with a role for CloudFormation the stack’s own calls are not simulated', () => {
    const all = wishes({ CloudFormationRoleArn: 'arn:aws:iam::123456789012:role/cfn' });
    assert.ok(!all.some((wish) => wish.startsWith('cloudformation:')));
  });
});
