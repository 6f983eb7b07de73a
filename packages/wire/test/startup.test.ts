import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { buildStartup, clientHelloNeeds, parseOptions, parseStartup } from '../src/index.ts';

const protocol30 = 196_608;
/** A character for each byte. A String of the protocol cannot hold a zero byte. */
const text = fc
  .uint8Array()
  .map((bytes) => Buffer.from(bytes).toString('latin1').replaceAll('\0', ''));
const name = text.filter((value) => value !== '');

suite('parseStartup', () => {
  test('reads what buildStartup writes, in order', () => {
    const property = fc.property(fc.array(fc.tuple(name, text)), (parameters) => {
      const packet = buildStartup(protocol30, parameters);
      assert.equal(packet.readUInt32BE(0), packet.length);
      assert.deepEqual(parseStartup(packet), { major: 3, minor: 0, parameters });
    });
    fc.assert(property);
  });

  test('a packet that is cut, or has more bytes after its end, is not one', () => {
    const whole = buildStartup(protocol30, [
      ['user', 'ann'],
      ['database', 'shop'],
    ]);
    const right = new Set([whole.length]);
    for (let length = 9; length <= whole.length; length++) {
      const parsed = parseStartup(whole.subarray(0, length));
      // After a complete pair, only the zero byte is missing; "database\0" without its value reads as an incomplete
      // pair.
      assert.equal(parsed !== null, right.has(length), `cut to ${length}`);
    }
    assert.equal(parseStartup(Buffer.concat([whole, Buffer.from([0])])), null);
    assert.equal(parseStartup(Buffer.concat([whole, Buffer.from('x')])), null);
  });

  test('a parameter without a name, and a name without an end, are refused', () => {
    const packet = (rest: string): Buffer =>
      Buffer.concat([buildStartup(protocol30, []).subarray(0, 8), Buffer.from(rest)]);
    assert.deepEqual(parseStartup(packet('user\0ann\0\0'))?.parameters, [['user', 'ann']]);
    // The empty name ends the list: nothing may follow it.
    for (const rest of [
      '\0\0',
      '\0ann\0\0',
      'user\0ann\0\0x\0',
      'user',
      'user\0ann',
      'user\0ann\0x',
    ])
      assert.equal(parseStartup(packet(rest)), null, JSON.stringify(rest));
  });

  test('any bytes are read or refused', () => {
    const property = fc.property(fc.uint8Array({ minLength: 8, maxLength: 60 }), (bytes) => {
      parseStartup(Buffer.from(bytes));
    });
    fc.assert(property);
  });
});

suite('clientHelloNeeds', () => {
  /** A record with this part of a handshake message. */
  const record = (part: Buffer): Buffer =>
    Buffer.concat([Buffer.from([0x16, 3, 1, part.length >> 8, part.length & 0xff]), part]);
  const body = Buffer.alloc(600, 'x');
  const hello = Buffer.concat([Buffer.from([1, 0, body.length >> 8, body.length & 0xff]), body]);

  test('a complete message, and no part of it, in any number of records', () => {
    for (const pieces of [[604], [1, 603], [3, 300, 301], [1, 1, 1, 1, 600]]) {
      let at = 0;
      const records = pieces.map((length) => record(hello.subarray(at, (at += length))));
      const whole = Buffer.concat(records);
      for (let end = 0; end < whole.length; end++) {
        const needs = clientHelloNeeds(whole.subarray(0, end));
        assert(needs > end && needs <= whole.length, `${pieces.join()}, cut to ${end}: ${needs}`);
      }
      assert.equal(clientHelloNeeds(whole), 0);
      assert.equal(clientHelloNeeds(Buffer.concat([whole, record(body)])), 0);
    }
  });

  test('what is no handshake is for TLS to refuse', () => {
    const begun = record(hello.subarray(0, 10));
    for (const other of [Buffer.from('x'), record(Buffer.alloc(0))])
      assert.equal(clientHelloNeeds(Buffer.concat([begun, other])), 0);
    assert.equal(clientHelloNeeds(Buffer.from('GET / HTTP/1.1')), 0);
  });

  test('single bytes in records of their own are read a few times, not once for each byte', () => {
    const long = Buffer.concat([Buffer.from([1, 0, 40, 0]), Buffer.alloc(10_240)]);
    const whole = Buffer.concat([...long].map((byte) => record(Buffer.from([byte]))));
    let reads = 0;
    for (let needs = 1; needs > 0; reads++) needs = clientHelloNeeds(whole.subarray(0, needs));
    assert(reads < 100, `${reads} times`);
  });

  test('any bytes are accepted without an exception', () => {
    const bytes = fc.uint8Array({ maxLength: 60 });
    const property = fc.property(bytes, (given) => {
      clientHelloNeeds(Buffer.concat([Buffer.from([0x16]), given]));
    });
    fc.assert(property);
  });
});

suite('parseOptions', () => {
  for (const [options, parameters, problem] of [
    ['', [], null],
    ['-c work_mem=1MB', [['work_mem', '1MB']], null],
    ['-cwork_mem=1MB', [['work_mem', '1MB']], null],
    ['--work-mem=1MB', [['work_mem', '1MB']], null],
    [
      ' \t-c  a=1\n--b=2 ',
      [
        ['a', '1'],
        ['b', '2'],
      ],
      null,
    ],
    ['-c search_path=a,\\ b', [['search_path', 'a, b']], null],
    ['-c a=back\\\\slash', [['a', 'back\\slash']], null],
    ['-c a=', [['a', '']], null],
    ['-c a=b=c', [['a', 'b=c']], null],
    ['-c my.setting=x', [['my.setting', 'x']], null],
    ['-c a=no\u00A0break', [['a', 'no\u00A0break']], null],
    ['-S 5000', [['work_mem', '5000']], null],
    ['-S5000', [['work_mem', '5000']], null],
    [
      '-eF',
      [
        ['datestyle', 'euro'],
        ['fsync', 'false'],
      ],
      null,
    ],
    [
      '-eS 64',
      [
        ['datestyle', 'euro'],
        ['work_mem', '64'],
      ],
      null,
    ],
    ['-fs', [['enable_seqscan', 'false']], null],
    ['-t planner', [['log_planner_stats', 'true']], null],
    ['-nT', [], null],
    ['-c', [], 'invalid command-line argument for server process: -c'],
    ['-c a', [], '-c a requires a value'],
    ['--a', [], '--a requires a value'],
    ['-fx', [], 'invalid command-line argument for server process: -fx'],
    // No word that every object has a property of.
    ['-fconstructor', [], 'invalid command-line argument for server process: -fconstructor'],
    ['-f __proto__', [], 'invalid command-line argument for server process: -f'],
    ['-tconstructor', [], 'invalid command-line argument for server process: -tconstructor'],
    ['-', [], 'invalid command-line argument for server process: -'],
    ['--=1', [], '--=1 requires a value'],
    ['-z', [], 'invalid command-line argument for server process: -z'],
    ['-z x', [], 'invalid command-line argument for server process: -z'],
    ['-c a=1 stray', [['a', '1']], 'invalid command-line argument for server process: stray'],
  ] as const) {
    test(JSON.stringify(options), () => {
      assert.deepEqual(parseOptions(options), { parameters, problem });
    });
  }

  test('any value is preserved if white space and backslashes are escaped', () => {
    const property = fc.property(text, (value) => {
      const escaped = value.replaceAll(/[\\ \t\n\v\f\r]/g, String.raw`\$&`);
      assert.deepEqual(parseOptions(`-c a=${escaped} --b=c`).parameters, [
        ['a', value],
        ['b', 'c'],
      ]);
    });
    fc.assert(property);
  });
});
