import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { designOf } from '../../src/actions/design.ts';
import { readers } from '../../src/drift/drift.ts';
import { Template } from '../../src/resolve/template.ts';
import { inputsWith, resolvedWith, sluiceInputs } from '../subject.ts';

suite('drift', () => {
  const made = {
    CreateSecurityGroup: true,
    AllowDatabaseIngress: true,
    ClientCidrs: ['10.20.0.0/16'],
  };
  for (const [name, inputs] of [
    [
      'rds-proxy',
      { ...made, CreateRole: true, DBProxyEndpoints: [{ DBProxyEndpointName: 'second' }] },
    ],
    ['sluice', { ...made, ...sluiceInputs }],
  ] as const) {
    test(`reads every type of resource that engine ${name} can create`, () => {
      const { synthesized } = designOf(inputsWith(inputs), resolvedWith(), undefined, false);
      const types = new Template(synthesized.template).resources.map(({ type }) => type);
      const without = types.filter((type) => !(type in readers));
      assert.deepEqual(without, []);
    });
  }
});
