import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { designOf } from '../../src/actions/design.ts';
import { settleIdentity } from '../../src/model/identity.ts';
import { changesBetween } from '../../src/plan/changes.ts';
import { endpointChange } from '../../src/plan/endpoints.ts';
import { inputsWith, resolvedWith, sluiceInputs } from '../subject.ts';

const deployed = designOf(inputsWith(), resolvedWith(), undefined, false).synthesized.template;
const moved = resolvedWith({
  subnet_ids: ['subnet-0c000000000000000', 'subnet-0d000000000000000'],
});

suite('a proxy’s name and subnets', () => {
  test('are those of the inputs if nothing is deployed', () => {
    const identity = settleIdentity(inputsWith(), resolvedWith(), undefined, false);
    assert.equal(identity.proxyName, 'orders');
    assert.deepEqual(identity.notes, []);
  });

  test('stay if the inputs would choose other subnets, with a note', () => {
    const identity = settleIdentity(inputsWith(), moved, deployed, false);
    assert.equal(identity.proxyName, 'orders');
    assert.deepEqual(identity.subnetIds, ['subnet-0a000000000000000', 'subnet-0b000000000000000']);
    assert.match(identity.notes[0] ?? '', /--replace/);
  });

  test('are new with --replace, the same for the same subnets, and kept afterwards', () => {
    const identity = settleIdentity(inputsWith(), moved, deployed, true);
    assert.match(identity.proxyName, /^orders-[0-9a-f]{6}$/);
    const { template } = designOf(inputsWith(), moved, deployed, true).synthesized;
    const after = settleIdentity(inputsWith(), moved, template, false);
    assert.equal(after.proxyName, identity.proxyName);
    assert.deepEqual(after.notes, []);
  });

  test('another network type is refused without --replace', () => {
    const inputs = inputsWith({ EndpointNetworkType: 'DUAL' });
    assert.throws(() => settleIdentity(inputs, resolvedWith(), deployed, false), /use --replace/);
    assert.match(settleIdentity(inputs, resolvedWith(), deployed, true).proxyName, /^orders-/);
  });

  test('another DBProxyName is another proxy', () => {
    const inputs = inputsWith({ DBProxyName: 'orders-main' });
    assert.equal(settleIdentity(inputs, resolvedWith(), deployed, false).proxyName, 'orders-main');
  });
});

suite('a replacement that CloudFormation cannot make', () => {
  /** The obstacles to a change from one set of inputs to another. */
  async function obstacles(
    from: Readonly<Record<string, unknown>>,
    to: Readonly<Record<string, unknown>>,
    replace = false,
  ): Promise<string[]> {
    const before = designOf(inputsWith(from), resolvedWith(), undefined, false);
    const was = before.synthesized.template;
    const after = designOf(inputsWith(to), replace ? moved : resolvedWith(), was, replace);
    const changes = await changesBetween(was, after.synthesized.template);
    return changes.flatMap((change) => change.impossible ?? []);
  }

  const service = { ...sluiceInputs, EcsClusterName: 'shared' };
  const role = { CreateRole: true };
  const second = [{ DBProxyEndpointName: 'second' }];

  for (const [what, from, to, detail] of [
    [
      'a service in another cluster',
      service,
      { ...service, EcsClusterName: 'other' },
      /^AWS::ECS::Service orders cannot be replaced .* change of Cluster .* another DBProxyName/,
    ],
    [
      'a named role at another path',
      role,
      { ...role, RolePath: '/platform/' },
      /^AWS::IAM::Role orders-proxy-role .* change of Path .* another rds_proxy_role/,
    ],
    [
      'an endpoint in other subnets',
      { DBProxyEndpoints: second },
      {
        DBProxyEndpoints: [
          { ...second[0], VpcSubnetIds: ['subnet-0e000000000000000', 'subnet-0f000000000000000'] },
        ],
      },
      /^AWS::RDS::DBProxyEndpoint second .* change of VpcSubnetIds .* another DBProxyEndpointName/,
    ],
  ] as const) {
    test(`${what} is reported before CloudFormation fails`, async () => {
      const [obstacle = '', ...more] = await obstacles(from, to);
      assert.match(obstacle, detail);
      assert.deepEqual(more, []);
    });
  }

  test('a resource that gets another name, or shares it, is replaced', async () => {
    for (const [from, to, replace] of [
      [{}, {}, true],
      [
        { CreateSecurityGroup: true, ClientCidrs: ['10.0.0.0/16'] },
        { CreateSecurityGroup: true, ClientCidrs: ['10.0.0.0/16'] },
        true,
      ],
      [sluiceInputs, { ...sluiceInputs, IdleClientTimeout: 5 }, false],
      [
        { DnsName: 'a.example.com', HostedZoneId: 'Z1' },
        { DnsName: 'a.example.com', HostedZoneId: 'Z2' },
        false,
      ],
      [{}, sluiceInputs, false],
    ] as const) {
      assert.deepEqual(await obstacles(from, to, replace), []);
    }
  });
});

suite('what a plan says about the endpoint', () => {
  const now = 'orders.db-proxy-x.eu-central-1.rds.amazonaws.com';

  test('it stays when a property changes', async () => {
    const { template } = designOf(
      inputsWith({ IdleClientTimeout: 5 }),
      resolvedWith(),
      undefined,
      false,
    ).synthesized;
    const changes = await changesBetween(deployed, template);
    assert.deepEqual(
      changes.map(({ action, type }) => [action, type]),
      [['change', 'AWS::RDS::DBProxy']],
    );
    assert.equal(endpointChange(deployed, changes, now).changes, false);
  });

  test('it changes, in capitals, if the proxy is replaced or the engine changes', async () => {
    for (const [inputs, resolved] of [
      [inputsWith({ DBProxyName: 'other' }), resolvedWith()],
      [inputsWith(sluiceInputs), resolvedWith()],
    ] as const) {
      const { template } = designOf(inputs, resolved, undefined, false).synthesized;
      const { changes, detail } = endpointChange(
        deployed,
        await changesBetween(deployed, template),
        now,
      );
      assert.equal(changes, true);
      assert.match(detail, /THE ENDPOINT CHANGES ITS NAME/);
    }
  });

  test('nothing changes for the same inputs', async () => {
    const { template } = designOf(inputsWith(), resolvedWith(), deployed, false).synthesized;
    assert.deepEqual(await changesBetween(deployed, template), []);
  });
});
