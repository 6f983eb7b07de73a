import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ReadHistory, readKey } from '../../src/interleaving/read-history.ts';
import { classify } from '../../src/sql/index.ts';

const noTemplate = { template: null };

function keyOf(text: string): number {
  return readKey(noTemplate, Buffer.from(text), 0, Buffer.byteLength(text));
}

suite('the history of a read', () => {
  test('a read of 5 ms is short, a longer one is not', () => {
    const history = new ReadHistory();
    for (const [key, time] of [
      [1, 5],
      [2, 5.1],
    ] as const)
      for (let run = 0; run < 2; run++) history.ran(key, time);
    assert(history.isShort(1));
    assert(!history.isShort(2));
  });

  test('one long run doubles the recorded time at most', () => {
    const history = new ReadHistory();
    for (let run = 0; run < 2; run++) history.ran(1, 2);
    history.ran(1, 100);
    assert(history.isShort(1), '4 ms');
    history.ran(1, 100);
    assert(!history.isShort(1), '8 ms');
  });

  test('a run that is a little longer is the recorded time', () => {
    const history = new ReadHistory();
    for (let run = 0; run < 2; run++) history.ran(1, 4);
    history.ran(1, 5);
    assert(history.isShort(1), 'and not 8 ms');
  });

  test('a run that is a little shorter is the recorded time', () => {
    const history = new ReadHistory();
    for (let run = 0; run < 2; run++) history.ran(1, 5.5);
    history.ran(1, 5.2);
    assert(!history.isShort(1), 'and not 4.6 ms');
  });

  test('shorter runs lower the recorded time step by step', () => {
    const history = new ReadHistory();
    for (let run = 0; run < 2; run++) history.ran(1, 10);
    let runs = 0;
    for (; !history.isShort(1); runs++) history.ran(1, 0.1);
    assert.equal(runs, 4, '10 ms times 0.84, four times');
  });

  test('reads that took no measurable time become longer in as many runs as others', () => {
    const history = new ReadHistory();
    for (let run = 0; run < 100; run++) history.ran(1, 0);
    let runs = 0;
    for (; history.isShort(1); runs++) history.ran(1, 100);
    assert.equal(runs, 9, '0.01 ms doubled until it is above 5 ms');
  });

  test('a read with a long reply is not short for about 30 runs', () => {
    const history = new ReadHistory();
    for (let run = 0; run < 2; run++) history.ran(1, 0.1);
    history.wasLarge(1);
    let runs = 0;
    for (; !history.isShort(1); runs++) history.ran(1, 0.1);
    assert.equal(runs, 31);
    history.wasLarge(4097);
    assert(!history.isShort(1), 'it shares the record');
    history.ran(4097, 0.1);
    assert(!history.isShort(4097));
  });

  test('a read with the record of another begins its own', () => {
    const history = new ReadHistory();
    for (let run = 0; run < 2; run++) history.ran(1, 0.1);
    history.ran(4097, 0.1);
    assert(!history.isShort(1));
    assert(!history.isShort(4097), 'after one run');
    history.ran(4097, 0.1);
    assert(history.isShort(4097));
    for (let run = 0; run < 2; run++) history.ran(2, 0.1);
    assert(history.isShort(4097) && history.isShort(2), 'others have other records');
  });
});

suite('the key of a read', () => {
  test('is that of its template, if it has one', () => {
    const first = classify('SELECT a FROM t WHERE b = 1');
    const second = classify('SELECT a FROM t WHERE b = 22');
    assert(first.template !== null);
    const nothing = Buffer.alloc(0);
    assert.equal(readKey(first, nothing, 0, 0), first.template.hash);
    assert.equal(readKey(second, nothing, 0, 0), first.template.hash);
    const other = classify('SELECT c FROM t WHERE b = 1');
    assert.notEqual(readKey(other, nothing, 0, 0), first.template.hash);
  });

  test('is that of its part of the chunk', () => {
    const chunk = Buffer.from('..SELECT a..');
    assert.equal(readKey(noTemplate, chunk, 2, 10), keyOf('SELECT a'));
    assert.notEqual(readKey(noTemplate, chunk, 2, 11), keyOf('SELECT a'));
  });

  test('is the same for other numbers and strings', () => {
    const key = keyOf("SELECT a1 FROM t WHERE b = '1' AND c = 0");
    assert.equal(keyOf("SELECT a9 FROM t WHERE b = 'its' AND c = 1234567890"), key);
    assert.equal(keyOf("SELECT a1 FROM t WHERE b = '' AND c = 0"), key);
  });

  test('differs in everything else', () => {
    const keys = [
      'SELECT a',
      'SELECT b',
      'SELECT a ',
      'SELECT a1',
      'SELECT 1a',
      'SELECT 1a1',
      "SELECT 'a'",
      "SELECT 'a', a",
      'SELECT a/1',
      'SELECT a:1',
    ].map(keyOf);
    assert.equal(new Set(keys).size, keys.length);
  });
});
