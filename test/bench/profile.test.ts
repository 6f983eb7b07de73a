import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { callTree, hottest } from '../../bench/profile/cpu-profile.ts';
import type { CpuProfile } from '../../bench/profile/cpu-profile.ts';
import { flameGraph } from '../../bench/profile/flame-graph.ts';

function node(
  id: number,
  functionName: string,
  children: readonly number[] = [],
  url = 'file:///a/proxy/src/io/reader.ts',
): CpuProfile['nodes'][number] {
  return { id, callFrame: { functionName, url, lineNumber: 9 }, children };
}

// `read` calls `parse`, which appears twice, as runtimes record it after recompilation.
const profile: CpuProfile = {
  nodes: [
    node(1, '(root)', [2, 5], ''),
    node(2, 'read', [3, 4]),
    node(3, 'parse'),
    node(4, 'parse'),
    node(5, '(idle)', [], ''),
  ],
  samples: [2, 3, 4, 5],
  timeDeltas: [10, 20, 30, 1000],
};

suite('profiles', () => {
  test('calls of the same function are one, and idle time does not count', () => {
    const tree = callTree(profile);
    assert.equal(tree.total, 60);
    const [read] = tree.calls.values();
    assert.deepEqual([read?.name, read?.place, read?.self], ['read', 'io/reader.ts:10', 10]);
    assert.deepEqual(
      [...(read?.calls.values() ?? [])].map(({ name, total }) => [name, total]),
      [['parse', 50]],
    );
  });

  test('the functions with the most time come first', () => {
    assert.deepEqual(hottest(callTree(profile), 2), [
      ['parse io/reader.ts:10', 50 / 60],
      ['read io/reader.ts:10', 10 / 60],
    ]);
  });

  test('the width of a box in the flame graph is its share', () => {
    const graph = flameGraph(callTree(profile));
    assert.match(
      graph,
      /parse io\/reader\.ts:10: 83\.3 %, itself 83\.3 %<\/title><rect [^>]* width="1333\.3"/,
    );
    assert.match(graph, /read io\/reader\.ts:10: 100\.0 %, itself 16\.7 %/);
  });

  test('names with markup are escaped', () => {
    const graph = flameGraph(callTree({ ...profile, nodes: [node(2, '<T>&')], samples: [2] }));
    assert.match(graph, /&lt;T&gt;&amp;/);
    assert.doesNotMatch(graph, /<T>/);
  });
});
