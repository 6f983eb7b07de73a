import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onEachRoute, onOneRuntime } from '../helpers/routes.ts';
import { RawClient } from '../helpers/raw-client.ts';
import type { Address } from '../helpers/raw-client.ts';

/** The result of a login with these options: the parameters that it set, or the error. */
async function outcome(address: Address, options: string): Promise<unknown> {
  const client = await RawClient.open(address);
  try {
    await client.login({ parameters: { options } });
    return await client.rows(
      `SELECT name, setting FROM pg_settings WHERE name IN ('work_mem', 'DateStyle', 'enable_seqscan', 'enable_nestloop',
       'enable_hashjoin', 'enable_bitmapscan', 'statement_timeout', 'search_path') ORDER BY 1`,
    );
  } catch (error) {
    const { code, message, severity } = error as {
      code: string;
      message: string;
      severity: string;
    };
    return { code, message, severity };
  } finally {
    client.destroy();
  }
}

/** The options of a server process ("postgres" in the manual) that a client may give. */
const options = [
  '-S 5000',
  '-S5000',
  '-e',
  '-eS 640',
  '-fs -fn',
  '-f h',
  '-fb -c enable_seqscan=off',
  '-fx',
  '-n',
  '-T',
  '-E -j',
  '-v 3',
  '-r file',
  '-D /tmp',
  '-z',
  '-c',
  '-c work_mem',
  '--work_mem',
  '--work-mem=5000',
  'stray',
  '-c work_mem=5000 stray',
  '-B 16',
  '-N 5',
  '-p 1',
  '-h localhost',
  '-k /tmp',
  '-i',
  '-l',
  '-F',
  '-S many',
  '-t parser',
  '-t executor',
  '-tx',
  '-s',
  '-O',
  '-d 1',
  '-d 0',
  '-',
];

onEachRoute('command-line options', { routes: ['node', 'bun'], sample: onOneRuntime }, (route) => {
  for (const given of options)
    test(given, async () => {
      const { address, database } = route();
      const { host, port } = database;
      assert.deepEqual(
        await outcome(address, given),
        await outcome({ ...address, host, port }, given),
      );
    });
});
