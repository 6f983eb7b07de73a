import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { hasFailovers, isProxyStatus, isWorkResponse } from '../src/admin/admin-json.ts';
import {
  isBoolean,
  isNumber,
  isRecord,
  isString,
  listOf,
  objectOf,
  oneOf,
  optional,
  orNull,
  parseJson,
} from '../src/json.ts';

interface Point {
  readonly x: number;
  readonly label: string | null;
  readonly tags?: readonly string[] | undefined;
}

const isPoint = objectOf<Point>({
  x: isNumber,
  label: orNull(isString),
  tags: optional(listOf(isString)),
});

suite('JSON from another process', () => {
  test('has the expected type', () => {
    assert.deepEqual(parseJson('{"x":1,"label":null}', isPoint), { x: 1, label: null });
    assert.deepEqual(parseJson('{"x":1,"label":"a","tags":["b"],"more":0}', isPoint)?.tags, ['b']);
    assert.equal(parseJson('"on"', oneOf(['on', 'off'])), 'on');
    assert.equal(parseJson('true', isBoolean), true);
  });

  test('is rejected if it has another type', () => {
    for (const text of [
      '',
      '{"x":1',
      'null',
      '[]',
      '{"label":null}',
      '{"x":"1","label":null}',
      '{"x":1}',
      '{"x":1,"label":null,"tags":[1]}',
      '{"x":1,"label":null,"tags":{}}',
    ])
      assert.equal(parseJson(text, isPoint), undefined, text);
    assert.equal(parseJson('"up"', oneOf(['on', 'off'])), undefined);
    assert.ok(!isRecord([]) && !isRecord(null) && isRecord({}));
  });

  test('responses of the admin port', () => {
    const waits = { borrows: 0, median: null, p99: null };
    const status = {
      startedAt: '2026-01-01T00:00:00.000Z',
      readAt: '2026-01-01T00:01:40.000Z',
      pid: 42,
      paused: false,
      draining: false,
      endpoints: [],
      pools: [],
      targets: [],
      pins: [],
      waits,
    };
    assert.ok(isProxyStatus(status));
    assert.ok(!isProxyStatus({ ...status, pid: '42' }));
    assert.ok(!isProxyStatus({ ...status, pins: [{ reason: 'whim', statement: '', pins: 1 }] }));
    assert.ok(!isProxyStatus({ ...status, waits: { ...waits, borrows: null } }));
    assert.ok(hasFailovers({ failovers: [] }));
    assert.ok(!hasFailovers({ failovers: [{}] }));
    assert.ok(!hasFailovers({}));
    assert.ok(isWorkResponse({ paused: true, quiet: true }));
    assert.ok(!isWorkResponse({ quiet: 'yes' }));
  });
});
