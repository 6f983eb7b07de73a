import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { compareCost, type DatabaseSize } from '../../src/plan/cost.ts';

suite('the monthly cost of RDS Proxy', () => {
  for (const [what, database, month, detail] of [
    ['an instance', { vcpus: 4 }, 43.8, /4 vCPU of the database/],
    ['a small instance counts as two vCPU', { vcpus: 1 }, 21.9, /2 vCPU/],
    ['each instance of a cluster', { vcpus: 4, members: 2 }, 87.6, /8 vCPU of the 2 instances/],
    ['a cluster without a member', { vcpus: 4, members: 0 }, 43.8, /4 vCPU/],
    [
      'Serverless v2 counts as eight units',
      { serverlessMax: 2, members: 1 },
      87.6,
      /8 capacity units/,
    ],
    [
      'Serverless v2 by its most units',
      { serverlessMax: 32, members: 1 },
      350.4,
      /32 capacity units/,
    ],
    ['a size that is not known', {}, undefined, /not known/],
  ] satisfies readonly (readonly [string, DatabaseSize, number | undefined, RegExp])[]) {
    test(what, () => {
      const { costs, note } = compareCost(
        {
          TaskCpu: 512,
          TaskMemory: 1024,
          MinTasks: 2,
          CpuArchitecture: 'ARM64',
          FargateSpotWeight: 0,
        },
        database,
      );
      assert.equal(costs[0]?.month, month);
      assert.match(costs[0]?.parts[0] ?? '', detail);
      assert.match(note, /custom metrics/);
    });
  }
});

suite('the monthly cost of Sluice’s tasks', () => {
  const tasks = {
    TaskCpu: 1024,
    TaskMemory: 2048,
    MinTasks: 2,
    CpuArchitecture: 'ARM64',
    FargateSpotWeight: 0,
  } as const;
  for (const [what, more, detail] of [
    ['ARM', {}, /^2 tasks of 1 vCPU and 2 GB \(ARM\): \$57\.67$/],
    ['x86', { CpuArchitecture: 'X86_64' }, /\(x86\): \$72\.08$/],
    ['Spot', { FargateSpotWeight: 1 }, /\$57\.67, counted as on demand/],
  ] as const) {
    test(what, () => {
      const { costs } = compareCost({ ...tasks, ...more }, { vcpus: 2 });
      assert.match(costs[1]?.parts[0] ?? '', detail);
    });
  }
});
