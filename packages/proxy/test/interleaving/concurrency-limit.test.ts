import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConcurrencyLimit } from '../../src/interleaving/concurrency-limit.ts';

/** Measurements of the limit with reads that take `time(connections)` milliseconds, ± 2 %. */
class Load {
  readonly limit = new ConcurrencyLimit();
  #now = 1000;
  #seed = 1;
  /** The values during the last measurements. */
  values: number[] = [];
  /** The number of connections that the load can use. */
  mostInUse = Infinity;

  run(measurements: number, time: (connections: number) => number): void {
    this.values = [];
    for (let round = 0; round < measurements; round++) {
      this.values.push(this.limit.value);
      const inUse = Math.min(this.limit.value, this.mostInUse);
      for (let read = 0; read < 400; read++) {
        this.#now += 0.3;
        this.#seed = (this.#seed * 48_271) % 0x7fffffff;
        const noise = 0.98 + (0.04 * this.#seed) / 0x7fffffff;
        this.limit.answered(time(inUse) * noise, this.#now, inUse);
      }
    }
  }

  /** The share of the measurements with such a value. */
  share(of: (value: number) => boolean): number {
    return this.values.filter(of).length / this.values.length;
  }
}

test('if one connection is best, the limit is almost always 1', () => {
  const load = new Load();
  load.run(40, (connections) => 1 + 0.1 * connections);
  load.run(200, (connections) => 1 + 0.1 * connections);
  assert(load.share((value) => value === 1) > 0.9, load.values.join());
});

test('if reads take long and the database has many processors, the limit rises', () => {
  const load = new Load();
  load.run(60, (connections) => 32 / Math.min(connections, 16));
  load.run(200, (connections) => 32 / Math.min(connections, 16));
  assert(load.share((value) => value >= 13 && value <= 20) > 0.9, load.values.join());
});

test('it decreases when the load has changed', () => {
  const load = new Load();
  load.run(60, (connections) => 32 / Math.min(connections, 16));
  assert(load.limit.value > 8);
  load.run(150, (connections) => 0.5 + 0.1 * connections);
  load.run(100, (connections) => 0.5 + 0.1 * connections);
  assert(load.share((value) => value <= 2) > 0.8, load.values.join());
});

test('if the number makes no difference, the limit is low', () => {
  const load = new Load();
  load.run(60, () => 1);
  load.run(200, () => 1);
  assert(load.share((value) => value <= 2) > 0.9, load.values.join());
});

test('unavailable connections count as no improvement', () => {
  const load = new Load();
  load.mostInUse = 3;
  load.run(300, (connections) => 32 / connections);
  assert(load.share((value) => value <= 4) > 0.95, load.values.join());
});

test('a few reads are not enough for a decision', () => {
  const limit = new ConcurrencyLimit();
  for (let read = 0; read < 10_000; read++) limit.answered(read % 7, read * 20, limit.value);
  assert.equal(limit.value, 1);
});
