import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Flag, effectsOf } from '../../src/sql/index.ts';
import { Analysis, DescriptionNote } from '../../src/statements/analysis.ts';
import {
  backendNameIn,
  backendNamePrefix,
  hideBackendNames,
  showClientNames,
} from '../../src/statements/backend-names.ts';
import { ConnectionStatements } from '../../src/statements/connection-statements.ts';
import { Description } from '../../src/statements/description.ts';
import { BindFailure, DescribeFailure } from '../../src/statements/on-demand-failures.ts';
import { StatementRegistry, statements } from '../../src/statements/statement.ts';
import type { Statement } from '../../src/statements/statement.ts';
import {
  buildErrorResponse,
  buildExecute,
  buildMessage,
  describesPortal,
  parseErrorFields,
  syncMessage,
} from '@sluice/wire';
import { readUnderAny } from '../../src/parameters/read-under.ts';

const noEffects = effectsOf(Flag.None, 1);

/** The body of ParameterDescription. */
function types(...oids: readonly number[]): Buffer {
  const body = Buffer.alloc(2 + 4 * oids.length);
  body.writeUInt16BE(oids.length);
  for (const [at, oid] of oids.entries()) body.writeUInt32BE(oid, 2 + 4 * at);
  return body;
}

interface Column {
  readonly name: string;
  readonly table?: number;
  readonly number?: number;
  readonly type?: number;
  readonly modifier?: number;
}

/** The body of RowDescription. */
function columns(...given: readonly Column[]): Buffer {
  const count = Buffer.alloc(2);
  count.writeUInt16BE(given.length);
  const parts = given.map(({ name, table = 0, number = 0, type = 23, modifier = -1 }) => {
    const rest = Buffer.alloc(18);
    rest.writeUInt32BE(table, 0);
    rest.writeUInt16BE(number, 4);
    rest.writeUInt32BE(type, 6);
    rest.writeInt16BE(4, 10);
    rest.writeInt32BE(modifier, 12);
    return Buffer.concat([Buffer.from(`${name}\0`), rest]);
  });
  return Buffer.concat([count, ...parts]);
}

let texts = 0;

function statement(registry: StatementRegistry = statements): Statement {
  const tail = Buffer.from(`SELECT ${++texts}\0\0\0`);
  return registry.intern(tail, 0, tail.length, '', noEffects, readUnderAny);
}

suite('a description', () => {
  const none = types();
  const cases: readonly (readonly [string, Description, Description, boolean])[] = [
    ['no rows and no rows', new Description(none, null), new Description(none, null), true],
    [
      'no rows and no columns',
      new Description(none, null),
      new Description(none, columns()),
      false,
    ],
    [
      'the same columns of another table',
      new Description(none, columns({ name: 'a', table: 1, number: 1 }, { name: 'b' })),
      new Description(none, columns({ name: 'a', table: 2, number: 7 }, { name: 'b' })),
      true,
    ],
    [
      'another type',
      new Description(none, columns({ name: 'a', type: 23 })),
      new Description(none, columns({ name: 'a', type: 20 })),
      false,
    ],
    [
      'another name of the same length',
      new Description(none, columns({ name: 'a' })),
      new Description(none, columns({ name: 'b' })),
      false,
    ],
    [
      'another modifier of the last column',
      new Description(none, columns({ name: 'a' }, { name: 'b', modifier: 8 })),
      new Description(none, columns({ name: 'a' }, { name: 'b', modifier: 9 })),
      false,
    ],
    [
      'more columns',
      new Description(none, columns({ name: 'a' })),
      new Description(none, columns({ name: 'a' }, { name: 'b' })),
      false,
    ],
    [
      'another type of a parameter',
      new Description(types(23), null),
      new Description(types(20), null),
      false,
    ],
    [
      'a name that looks like the remainder of another column',
      new Description(none, columns({ name: 'ab', table: 0x61_62_00_00 })),
      new Description(none, columns({ name: 'ab', table: 0x61_63_00_00 })),
      true,
    ],
  ];
  for (const [name, a, b, agrees] of cases)
    test(`${agrees ? 'agrees' : 'does not agree'}: ${name}`, () => {
      assert.equal(a.agreesWith(b), agrees);
      assert.equal(b.agreesWith(a), agrees);
    });
});

suite('a statement', () => {
  test('has one object for equal descriptions', () => {
    const one = statement();
    const first = one.describe(types(23), columns({ name: 'a' }));
    assert.equal(one.describe(types(23), columns({ name: 'a' })), first);
    const other = one.describe(types(23), columns({ name: 'b' }));
    assert.notEqual(other, first);
    assert.equal(other.parameters, first.parameters);
    // Old descriptions are forgotten, and still compare.
    for (let at = 0; at < 9; at++) one.describe(types(23), columns({ name: `c${at}` }));
    const again = one.describe(types(23), columns({ name: 'a' }));
    assert.notEqual(again, first);
    assert(again.agreesWith(first));
  });

  test('is prepared with the reported types', () => {
    const tail = Buffer.from('SELECT $1\0\0\0');
    const one = new StatementRegistry().intern(tail, 0, tail.length, '', noEffects, readUnderAny);
    assert.equal(one.parseMessageFor(null), one.parseMessage);
    const ofTypes = one.describe(types(20), null);
    const message = one.parseMessageFor(ofTypes);
    assert.equal(one.parseMessageFor(ofTypes), message);
    assert.equal(message.readUInt32BE(1), message.length - 1);
    assert.equal(
      message.toString('latin1', 5 + one.backendName.length),
      'SELECT $1\0\0\x01\0\0\0\x14',
    );
    assert.equal(
      one.namedParse('a', ofTypes).toString('latin1', 5),
      'a\0SELECT $1\0\0\x01\0\0\0\x14',
    );
    assert.equal(one.namedParse('a', null).toString('latin1', 5), 'a\0SELECT $1\0\0\0');
  });

  test('is forgotten when no session has it', () => {
    const registry = new StatementRegistry();
    const one = statement(registry);
    one.names++;
    registry.release(one);
    assert.equal(registry.size, 1);
    one.names--;
    registry.release(one);
    assert.equal(registry.size, 0);
  });

  test('reports its description, even if the rows come in another chunk', () => {
    const one = statement();
    const analysis = new Analysis();
    let calls = 0;
    const note = new DescriptionNote(one, analysis, () => {
      calls++;
      return null;
    });
    const chunk = types(23);
    assert.equal(note.described(0x74, chunk, 0, chunk.length), null);
    chunk.fill(0);
    assert.equal(analysis.description, null);
    note.described(0x6e, Buffer.alloc(0), 0, 0);
    assert.deepEqual(analysis.description, new Description(types(23), null));
    assert.equal(calls, 1);
  });
});

suite('the statements of a connection', () => {
  test('the least recently used is closed', () => {
    const here = new ConnectionStatements(2);
    const [a, b] = [statement(), statement()];
    here.add(a, new Analysis());
    assert.equal(here.surplus, null);
    here.add(b, new Analysis());
    assert.equal(here.surplus, a);
    here.use(a);
    assert.equal(here.surplus, b);
  });

  test('are unchanged after sent requests are undone', () => {
    const here = new ConnectionStatements(9);
    const a = statement();
    const analysis = new Analysis();
    const failed = here.add(a, analysis);
    assert.equal(a.prepared, 1);
    failed.undo(false);
    assert.equal(here.get(a), null);
    assert.equal(a.prepared, 0);
    here.add(a, analysis);
    const closed = here.close(a);
    assert.equal(here.get(a), null);
    closed.undo(true);
    assert.equal(here.get(a), analysis);
    // Prepared again with its name: the newest counts.
    const newer = new Analysis();
    here.close(a);
    here.add(a, newer);
    assert.equal(here.get(a), newer);
    assert.equal(a.prepared, 1);
    here.outdate(a);
    assert.notEqual(here.get(a), newer);
    here.clear();
    assert.equal(a.prepared, 0);
  });

  test('are uncertain until all of them are closed', () => {
    const here = new ConnectionStatements(9);
    here.add(statement(), new Analysis());
    here.markUncertain();
    assert(here.isUncertain);
    assert.equal(here.size, 0);
    here.clear();
    assert(!here.isUncertain);
  });

  test('were closed by code of the session only if it had used them before', () => {
    const here = new ConnectionStatements(9);
    const a = statement();
    here.leasedTo(1);
    here.add(a, new Analysis());
    here.use(a);
    here.codeRuns();
    here.use(a);
    assert(here.wasClosedByCode(a));
    // Used since then: code that ran later is the cause.
    here.use(a);
    assert(!here.wasClosedByCode(a));
    here.codeRuns();
    here.leasedTo(1);
    here.use(a);
    assert(here.wasClosedByCode(a));
    here.leasedTo(2);
    here.use(a);
    assert(!here.wasClosedByCode(a));
    here.codeRuns();
    assert(!here.wasClosedByCode(statement()));
  });

  test('may have been closed by code that the session has run since it used them', () => {
    const here = new ConnectionStatements(9);
    const a = statement();
    here.leasedTo(1);
    assert(!here.hasRunCode);
    here.codeRuns();
    assert(here.hasRunCode);
    here.add(a, new Analysis());
    assert(!here.mayBeClosedByCode(a), 'the code ran before');
    here.codeRuns();
    assert(here.mayBeClosedByCode(a));
    assert(!here.mayBeClosedByCode(statement()), 'it is not prepared here');
    here.leasedTo(1);
    assert(here.mayBeClosedByCode(a), 'the same session leases the connection again');
    here.use(a);
    assert(!here.mayBeClosedByCode(a), 'it was used after the code');
    here.leasedTo(2);
    assert(!here.hasRunCode, 'another session has run it');
    here.codeRuns();
    assert(!here.mayBeClosedByCode(a), 'another session has used it');
  });
});

suite('the proxy’s own names', () => {
  test('are replaced and restored', () => {
    const text = Buffer.from(`xx EXECUTE "${backendNamePrefix}17"; ${backendNamePrefix}18 yy`);
    const { length } = text;
    assert(!hideBackendNames(text, 0, 20));
    assert(hideBackendNames(text, 0, length));
    assert.equal(text.length, length);
    assert(!text.includes(backendNamePrefix));
    assert(!hideBackendNames(text, 0, length));
    const shown = showClientNames(text.toString(), () => 'wrong');
    assert.equal(shown, `xx EXECUTE "${backendNamePrefix}17"; ${backendNamePrefix}18 yy`);
  });

  test('are replaced with the client’s in errors', () => {
    const error = `prepared statement "${backendNamePrefix}3" does not exist`;
    const nameOf = (name: string): string | undefined =>
      name === `${backendNamePrefix}3` ? 'mine' : undefined;
    assert.equal(showClientNames(error, nameOf), 'prepared statement "mine" does not exist');
    assert.equal(backendNameIn(error), `${backendNamePrefix}3`);
    assert.equal(backendNameIn('prepared statement "sluice_3" does not exist'), null);
  });
});

suite('a statement that can no longer be prepared', () => {
  const error = buildErrorResponse({ severity: 'ERROR', sqlstate: '42P01', message: 'gone' });
  const refused = buildErrorResponse({ severity: 'ERROR', sqlstate: '25P02', message: 'failed' });
  const ofTypes = new Description(types(23), null);
  // No formats, two values.
  const twoValues = Buffer.from([0, 0, 0, 2]);
  const oneOfFormat = Buffer.from([0, 1, 0, 1, 0, 1]);

  test('is answered like PostgreSQL, which checks the number of values first', () => {
    const two = new BindFailure('s', ofTypes, twoValues, 0, twoValues.length);
    const answer = two.failed(error, 0, error.length);
    assert(answer !== null);
    const { sqlstate, message } = parseErrorFields(answer, 5, answer.length);
    assert.equal(sqlstate, '08P01');
    assert.equal(
      message,
      'bind message supplies 2 parameters, but prepared statement "s" requires 1',
    );
    assert.equal(two.failed(refused, 0, refused.length), null);
    const one = new BindFailure('s', ofTypes, oneOfFormat, 0, oneOfFormat.length);
    assert.equal(one.failed(error, 0, error.length), null);
    // Missing bytes are not counted.
    assert.equal(
      new BindFailure('s', ofTypes, twoValues, 0, 3).failed(error, 0, error.length),
      null,
    );
  });

  test('reports its parameters before the error of its rows', () => {
    const failure = new DescribeFailure(ofTypes);
    assert.deepEqual(
      failure.failed(error, 0, error.length),
      Buffer.concat([buildMessage(0x74, types(23)), error]),
    );
    assert.equal(failure.failed(refused, 0, refused.length), null);
  });
});

test('a request for a portal’s rows is found up to its Sync', () => {
  const describe = (kind: string): Buffer => buildMessage(0x44, Buffer.from(`${kind}\0`));
  const run = buildExecute('');
  const asks = Buffer.concat([run, describe('P'), syncMessage]);
  assert(describesPortal(asks, 0));
  assert(!describesPortal(Buffer.concat([run, describe('S'), syncMessage]), 0));
  assert(!describesPortal(Buffer.concat([run, syncMessage, describe('P')]), 0));
  assert(!describesPortal(asks.subarray(0, run.length + 3), 0));
});
