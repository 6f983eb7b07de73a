import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
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

/** Single measurements with a certain average. */
class Measurements {
  readonly limit = new ConcurrencyLimit();
  #since = 0;

  /** `reads` in `over` milliseconds, which took `average` milliseconds. Returns the value after them. */
  take(average: number, { reads = 200, over = 100, inUse = this.limit.value } = {}): number {
    const before = this.limit.value;
    for (let read = 1; read < reads; read++) this.limit.answered(0, this.#since, inUse);
    const end = this.#since + over;
    this.limit.answered(reads * average, end, inUse);
    // After a step, some reads are not measured.
    this.#since = this.limit.value === before ? end : end + 10;
    return this.limit.value;
  }

  /** The limit after steps to this value, each of which was a gain. */
  static upTo(value: number): Measurements {
    const measurements = new Measurements();
    measurements.take(1000);
    for (let average = 900; measurements.limit.value < value; average /= 2)
      measurements.take(average);
    return measurements;
  }
}

suite('a measurement of the limit', () => {
  test('needs 200 reads and 100 ms', () => {
    const limit = new ConcurrencyLimit();
    const answer = (reads: number, now: number): number => {
      for (let read = 0; read < reads; read++) limit.answered(1, now, 1);
      return limit.value;
    };
    answer(200, 100);
    assert.equal(answer(200, 199), 1, 'too soon');
    assert.equal(answer(1, 200), 2);
    const another = new Measurements();
    another.take(1);
    assert.equal(another.take(1, { reads: 199 }), 1, 'too few');
  });

  test('does not count the reads of the first 10 ms after a step', () => {
    const limit = new ConcurrencyLimit();
    for (const now of [100, 200]) for (let read = 0; read < 200; read++) limit.answered(10, now, 1);
    assert.equal(limit.value, 2);
    limit.answered(1_000_000, 209, 2);
    for (let read = 0; read < 200; read++) limit.answered(5, 310, 2);
    assert.equal(limit.value, 3, 'the step was a gain');
  });

  test('is compared only with another that did not take a second', () => {
    for (const [over, value] of [
      [999, 2],
      [1000, 1],
    ] as const) {
      const measurements = new Measurements();
      measurements.take(10);
      assert.equal(measurements.take(10, { over }), value);
    }
    const stepped = Measurements.upTo(3);
    stepped.take(1, { over: 1000 });
    assert.equal(stepped.take(1000), 3, 'no step is being measured');
  });

  test('is a gain if reads became faster by 4 %, on connections that were used', () => {
    for (const [average, inUse, value] of [
      [9.99, 2, 3],
      [10, 2, 1],
      [9.99, 1, 1],
    ] as const) {
      const measurements = new Measurements();
      measurements.take(10.4);
      assert.equal(measurements.take(10.4), 2);
      assert.equal(measurements.take(average, { inUse }), value);
    }
  });

  test('with fewer connections is a gain if reads did not become slower by 4 %', () => {
    for (const [average, value] of [
      [10_399, 1],
      [10_400, 3],
    ] as const) {
      const measurements = Measurements.upTo(4);
      assert.equal(measurements.take(10_000), 3, 'the step to 4 was no gain');
      assert.equal(measurements.take(10_000), 3, 'a rest');
      assert.equal(measurements.take(10_000), 2, 'a step downwards');
      assert.equal(measurements.take(average), value);
    }
  });

  test('with another load ends the rest after a step without a gain', () => {
    for (const [average, value] of [
      [19.9, 1],
      [20, 2],
      [5.1, 1],
      [5, 2],
    ] as const) {
      const measurements = new Measurements();
      measurements.take(10);
      measurements.take(10);
      assert.equal(measurements.take(10), 1, 'no gain');
      assert.equal(measurements.take(average), value);
    }
  });
});
