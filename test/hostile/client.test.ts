import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { bind, close, execute, parse, query, summary, sync } from '../helpers/messages.ts';
import { onEachRoute } from '../helpers/routes.ts';

/** The CPU time of a process, in seconds. */
async function cpuOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

onEachRoute('a hostile client', { routes: ['node', 'bun'] }, (route) => {
  test('a long message whose end arrives byte by byte takes linear time', async (t) => {
    const { sluice } = route();
    const client = await route().login(t);
    const message = query(`SELECT length('${'x'.repeat(3_900_000)}')`);
    assert.equal(summary(await client.query('SELECT 1')), 'T | D 1 | C SELECT 1 | Z I');
    const atOnce = message.length - 3000;
    client.send(message.subarray(0, atOnce));
    await client.flushed();
    const memory = await sluice.residentMemory();
    const began = await cpuOf(sluice.pid);
    for (let at = atOnce; at < message.length; at += 1)
      await client.sendSplit(message.subarray(at, at + 1), 0);
    assert.equal(summary(await client.ready()), 'T | D 3900000 | C SELECT 1 | Z I');
    const used = (await cpuOf(sluice.pid)) - began;
    assert(used < 1, `${used} s of CPU`);
    const grown = (await sluice.residentMemory()) - memory;
    assert(grown < 100 * 1024 * 1024, `${grown} bytes`);
  });

  test('the last of many names costs as much as the first', async (t) => {
    const { sluice } = route();
    const client = await route().login(t);
    const prepare = async (from: number, count: number): Promise<number> => {
      const began = await cpuOf(sluice.pid);
      for (let at = from; at < from + count; at += 100) {
        const group = Array.from({ length: 100 }, (_, index) =>
          parse(`name ${at + index}`, `SELECT ${at + index}`),
        );
        client.send(...group, sync);
        await client.ready();
      }
      return (await cpuOf(sluice.pid)) - began;
    };
    await prepare(0, 1000);
    const first = await prepare(1000, 1000);
    await prepare(2000, 6000);
    const last = await prepare(8000, 1000);
    assert(last <= 3 * first + 0.2, `${first} s, then ${last} s`);
    // The name of a statement in an error is looked up.
    client.send(bind('name 5', ['too many']), execute(), sync);
    assert.equal(summary(await client.ready()), 'E 08P01 | Z I');
    client.send(close('S', 'name 5'), bind('name 5'), sync);
    assert.equal(summary(await client.ready()), '3 | E 26000 | Z I');
    client.send(bind('name 8999'), execute(), sync);
    assert.equal(summary(await client.ready()), '2 | D 8999 | C SELECT 1 | Z I');
  });

  test('a text that exploits slow patterns takes linear time', async (t) => {
    const { sluice } = route();
    const client = await route().login(t);
    await client.query('SELECT 1');
    const began = await cpuOf(sluice.pid);
    for (const piece of ['create ', "''", '/* ', '$a$ ', '( ']) {
      const text = `COMMENT ON TABLE nope IS '${piece.repeat(400_000 / piece.length)}'`;
      assert.match(summary(await client.query(text)), /^E \w+ \| Z I$/);
    }
    const used = (await cpuOf(sluice.pid)) - began;
    assert(used < 2, `${used} s of CPU`);
  });

  test('a function with many matches takes linear time', async (t) => {
    const { sluice } = route();
    const client = await route().login(t);
    await client.query('SELECT 1');
    const began = await cpuOf(sluice.pid);
    const body = `BEGIN RETURN; -- ${'set_config('.repeat(20_000)}\nEND`;
    const made = `CREATE OR REPLACE FUNCTION much() RETURNS void LANGUAGE plpgsql AS $b$ ${body} $b$`;
    assert.equal(summary(await client.query(made)), 'C CREATE FUNCTION | Z I');
    assert.equal(await client.value('SELECT much()'), '');
    assert.equal(await client.value('SELECT 1'), '1');
    const used = (await cpuOf(sluice.pid)) - began;
    assert(used < 3, `${used} s of CPU`);
  });

  test('generated names are one label, and one line', async (t) => {
    const { sluice } = route();
    const client = await route().login(t);
    for (let at = 0; at < 50; at += 1) {
      const name = `"_django_curs_140229016${at}_sync_${at}"`;
      await client.query(`DECLARE ${name} CURSOR WITH HOLD FOR SELECT 1`);
      await client.query(`CLOSE ${name}`);
    }
    const { body } = await sluice.admin('/metrics');
    const labels = body
      .split('\n')
      .filter((line) => line.startsWith('sluice_session_pins_by_statement_total{'))
      .filter((line) => line.includes('django'));
    assert.equal(labels.length, 1, labels.join('\n'));
    const lines = sluice.log.filter(({ statement }) => String(statement).includes('django'));
    assert(lines.length > 0);
    assert.equal(new Set(lines.map(({ statement }) => statement)).size, 1);
  });
});
