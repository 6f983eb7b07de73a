import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createSettings } from '../../src/settings/index.ts';
import { TargetAddresses } from '../../src/targets/target-addresses.ts';

/** The addresses of a name, different for each look-up; null: the name server is down. */
function addressesAt(...answers: readonly (readonly string[] | null)[]): () => Promise<string[]> {
  const settings = createSettings({
    TargetHost: 'db.internal',
    Users: [{ UserName: 'app', Password: 'x' }],
  });
  const left = [...answers];
  const places = new TargetAddresses(settings, (host) => {
    assert.equal(host, 'db.internal');
    const answer = left.shift();
    assert(answer !== undefined);
    return answer === null ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(answer);
  });
  return async () => (await places.find(false)).map(({ name }) => name);
}

suite('the addresses of a host name', () => {
  test('are looked up each time', async () => {
    const find = addressesAt(['10.0.0.1'], ['10.0.0.2'], ['10.0.0.2', 'fd00::2']);
    assert.deepEqual(await find(), ['db.internal[10.0.0.1]:5432']);
    assert.deepEqual(await find(), ['db.internal[10.0.0.2]:5432']);
    assert.deepEqual(await find(), ['db.internal[10.0.0.2]:5432', 'db.internal[fd00::2]:5432']);
  });

  test('stay unchanged while no name server responds', async () => {
    const find = addressesAt(['10.0.0.1'], null, ['10.0.0.2']);
    assert.deepEqual(await find(), ['db.internal[10.0.0.1]:5432']);
    assert.deepEqual(await find(), ['db.internal[10.0.0.1]:5432']);
    assert.deepEqual(await find(), ['db.internal[10.0.0.2]:5432']);
  });

  test('are the name itself if it never had an address', async () => {
    assert.deepEqual(await addressesAt(null)(), ['db.internal:5432']);
  });

  test('are listed once if another name has the same address', async () => {
    const settings = createSettings({
      TargetHost: 'cluster.internal',
      Targets: [{ Host: 'instance.internal' }],
      Users: [{ UserName: 'app', Password: 'x' }],
    });
    const places = new TargetAddresses(settings, () => Promise.resolve(['10.0.0.1']));
    const found = await places.find(false);
    assert.deepEqual(
      found.map(({ name }) => name),
      ['cluster.internal[10.0.0.1]:5432'],
    );
  });
});
