import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseCpuMicros, parseResidentBytes } from '../src/machine/process-cost.ts';

suite('cost of a process', () => {
  test('CPU time is user and system time, whatever the program is called', () => {
    const fields = '4321 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 50 13 14 20 0 11';
    assert.equal(parseCpuMicros(fields), 3_000_000);
  });

  test('resident memory is in bytes', () => {
    assert.equal(parseResidentBytes('Name:\tnode\nVmHWM:\t  999 kB\nVmRSS:\t  123 kB\n'), 125_952);
  });
});
