import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseLatencies, parseOutput } from '../../bench/pgbench.ts';

const output = `pgbench (15.18 (Debian 15.18-0+deb12u1), server 18.4)
transaction type: <builtin: select only>
scaling factor: 10
query mode: simple
number of clients: 32
number of threads: 1
maximum number of tries: 1
duration: 3 s
number of transactions actually processed: 41234
number of failed transactions: 0 (0.000%)
latency average = 2.289 ms
initial connection time = 153.127 ms
tps = 13979.437730 (without initial connection time)
`;

suite('parsing the output of pgbench', () => {
  test('its summary', () => {
    assert.deepEqual(parseOutput(output), {
      tps: 13_979.437_73,
      transactions: 41_234,
      connectMs: 153.127,
    });
  });

  test('its summary with a connection for each transaction', () => {
    const reconnecting = output
      .replace('initial connection time', 'average connection time')
      .replace('(without initial connection time)', '(including reconnection times)');
    assert.equal(parseOutput(reconnecting).connectMs, 0);
  });

  test('a summary without a result is an error that quotes it', () => {
    assert.throws(() => parseOutput('pgbench: error: connection failed'), /connection failed/);
  });

  test('its transaction log, without transactions that failed', () => {
    const log =
      '0 199 2241 0 1175850568 995598\n0 200 failed 0 1175850568 998079\n3 201 90 0 1175850569 608\n';
    assert.deepEqual(
      parseLatencies(log, () => true),
      [2.241, 0.09],
    );
    assert.deepEqual(
      parseLatencies('', () => true),
      [],
    );
  });

  test('its transaction log, without the scripts that are not timed', () => {
    // With a rate, a line ends with the delay of the beginning.
    const log = '0 1 300 0 1175850568 995598 12\n0 2 200400 1 1175850568 998079 30\n';
    assert.deepEqual(
      parseLatencies(log, (script) => script === 0),
      [0.3],
    );
  });
});
