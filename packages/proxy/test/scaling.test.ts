import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import {
  BackendCode,
  FrontendCode,
  ScramServer,
  buildQuery,
  parseErrorFields,
  parseOptions,
  parseStartup,
  parseVerifier,
  readDataRow,
  readNotificationResponse,
  readParameterStatus,
} from '@sluice/wire';
import { readHbaFile, readIdentFile } from '../src/authentication/hba-file.ts';
import type { Address } from '../src/backend/dial.ts';
import { Login } from '../src/backend/login.ts';
import { parseAuthFile } from '../src/credentials/auth-file.ts';
import { readStartupRequest } from '../src/frontend/startup-request.ts';
import { parseSettings } from '../src/settings/index.ts';
import { MemorySocket } from './scripted-server.ts';
import { parts as scriptedParts } from './session/scripted-owner.ts';
import { classifyBytes, loadParser, normalizedOf, statementEnds } from '../src/sql/index.ts';
import { flagsOfBody } from '../src/sql/body-words.ts';
import { sideEffectsOf } from '../src/sql/body-side-effects.ts';

/** The allowed growth of the CPU time from n to 2n: two for linear work, and some for noise. */
const mostGrowth = 2.3;

/** Below this, in milliseconds, noise dominates, and the delay does not matter. */
const negligible = 12;

/**
 * Work that takes longer than this once, in milliseconds, is measured again and with smaller input; copying 16 MB takes
 * 10.
 */
const suspicious = 20;

/** How long the largest message may block the event loop, in milliseconds: the minimum of all measurements counts. */
const longest = 50;

/**
 * How often a text is measured before it counts as more than linear. Other processes evict the processor's caches,
 * which costs this one CPU time; the minimum of all measurements is the time of the work.
 */
const mostLooks = 25;

/** Whether the times for a quarter, a half and the whole of a text grow at most linearly. */
function isLinear([quarter, half, whole]: readonly [number, number, number]): boolean {
  const linear = (more: number, less: number, noise: number): boolean =>
    more <= Math.max(noise, mostGrowth * less);
  return (
    whole <= longest && linear(whole, half, 4 * negligible) && linear(half, quarter, 2 * negligible)
  );
}

/**
 * Whether every piece is tried in every frame (`npm run test:all`), or each in a few of them; and always at its full
 * length, or only if a quarter is not fast enough to prove that the whole is fast as well.
 */
const triesAll = process.env['SLUICE_TEST_ALL'] === '1';

/** Each piece is tried in every third frame, or on Bun, which runs this file as well, in every sixth. */
const everyFrame = 'Bun' in globalThis ? 6 : 3;

/** Texts that may be slow for a pattern or a scan, each to be repeated. */
const pieces = [
  'create ',
  'create temp ',
  'into ',
  'set_config(',
  "set_config('a',",
  'set_config ',
  'reset ',
  '; ',
  ';\n',
  "'",
  "''",
  '"',
  '""',
  '$$',
  '$a$ ',
  '$',
  '--',
  '--\n',
  '/*',
  '*/',
  '/* */',
  '(',
  ')',
  '()',
  '1,',
  'a.',
  'a ',
  'a',
  ' ',
  '\n',
  '\t',
  '\\',
  "\\'",
  "e'",
  "E'\\",
  "u&'",
  'U&"',
  ':',
  '::',
  ':=',
  '<',
  '<<',
  '>>',
  '+',
  '-',
  '*',
  '@',
  '0',
  '1',
  '0x',
  '1e',
  '.',
  '_',
  '=',
  'x=',
  ',',
  'n=,',
  'r=a,',
  '\0',
  '\u00ff',
  '\u0080',
  'é',
  'with hold ',
  'pg_temp',
  'begin ',
  'load ',
  'set local ',
  'discard ',
  'execute ',
  'prepare a as ',
  'select ',
  'select 1;',
  'pg_advisory_lock(',
  'on commit drop ',
  '-c ',
  '--a=b ',
  'a,',
  'a+a,',
  'a=a,',
  'a[1],',
  '-+',
  `${'+'.repeat(256)}a,`,
  `${'-+'.repeat(100)}(`,
] as const;

const frames: readonly (readonly [before: string, after: string])[] = [
  ['', ''],
  ["COMMENT ON TABLE nope IS '", "'"],
  ['SELECT ', ''],
  ['DO $sluice$ ', ' $sluice$'],
  ["SELECT '", "'"],
  ['SELECT ', 'g12345'],
  // The parser runs because of an unknown function.
  ['SELECT f(1), ', ''],
];

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** All code that processes bytes of a peer, with the maximum length that the limits permit. */
const entries: Readonly<
  Record<
    string,
    { readonly most: number; readonly take: (text: string) => unknown; readonly isSql?: boolean }
  >
> = {
  classifyBytes: {
    most: 1 << 20,
    isSql: true,
    take: (text) => classifyBytes(bytes(text), 0, text.length),
  },
  'classifyBytes, of what is parsed': {
    most: (1 << 14) - 400,
    isSql: true,
    take: (text) => classifyBytes(bytes(text), 0, text.length),
  },
  normalizedOf: {
    most: 1 << 20,
    isSql: true,
    take: (text) => normalizedOf(bytes(text), 0, text.length),
  },
  statementEnds: {
    most: 3 * (1 << 13) - 400,
    isSql: true,
    take: (text) => statementEnds(bytes(text), 0, text.length),
  },
  sideEffectsOf: { most: 1 << 18, isSql: true, take: (text) => sideEffectsOf(text) },
  flagsOfBody: { most: 1 << 18, isSql: true, take: (text) => flagsOfBody(text) },
  parseStartup: { most: 10_000, take: (text) => parseStartup(bytes(`01234567${text}\0`)) },
  parseOptions: { most: 10_000, take: (text) => parseOptions(text) },
  readStartupRequest: {
    most: 10_000,
    take: (text) =>
      ignoreErrors(() =>
        readStartupRequest(bytes(`0123\0\u0003\0\0user\0a\0options\0${text}\0\0`)),
      ),
  },
  'ScramServer.first': {
    most: 2000,
    take: (text) => scramServer().first(`n,,n=,r=${text}`, false),
  },
  'ScramServer.final': {
    most: 2000,
    take: (text) => scramServer().final(`c=biws,r=${text},p=${text}`),
  },
  parseVerifier: {
    most: 1 << 16,
    take: (text) => parseVerifier(`SCRAM-SHA-256$4096:${text}$${text}`),
  },
  parseErrorFields: { most: 1 << 20, take: (text) => parseErrorFields(bytes(text)) },
  readParameterStatus: {
    most: 1 << 20,
    take: (text) => ignoreErrors(() => readParameterStatus(bytes(text), 0, text.length)),
  },
  readNotificationResponse: {
    most: 1 << 20,
    take: (text) => ignoreErrors(() => readNotificationResponse(bytes(text), 0, text.length)),
  },
  readDataRow: {
    most: 1 << 20,
    take: (text) => ignoreErrors(() => readDataRow(bytes(text), 0, text.length)),
  },
  parseAuthFile: {
    most: 1 << 18,
    take: (text) => ignoreErrors(() => parseAuthFile(bytes(text), 'f')),
  },
  readHbaFile: {
    most: 1 << 16,
    take: (text) => ignoreErrors(() => readHbaFile(`host all all ${text}\n${text}`, 'f')),
  },
  readIdentFile: {
    most: 1 << 16,
    take: (text) => ignoreErrors(() => readIdentFile(`m ${text} a\n${text}`)),
  },
  parseSettings: {
    most: 1 << 13,
    take: (text) =>
      ignoreErrors(() => parseSettings(`ListenHost: ${JSON.stringify(text)}`, 'f', {})),
  },
};

/** A repeated word with a number at the end, so that no text occurs twice. */
interface Filling {
  readonly word: string;
  readonly times: number;
  readonly number: string;
}

type Body = readonly (string | Filling)[];

/** The body of a message with this content. */
function body(texts: TemplateStringsArray, ...fillings: readonly Filling[]): Body {
  return texts.flatMap((text, at) => {
    const filling = fillings[at];
    return filling === undefined ? [text] : [text, filling];
  });
}

/** The memory of the timed message. New memory for each message took most of the time of this test. */
let memory = Buffer.alloc(0);

/** One message; the next one overwrites it. */
function messageOf(code: number, parts: Body): Buffer {
  const lengths = parts.map((part) =>
    typeof part === 'string' ? part.length : part.word.length * part.times + part.number.length,
  );
  const length = lengths.reduce((sum, each) => sum + each, 5);
  if (memory.length < length) memory = Buffer.alloc(length);
  memory[0] = code;
  memory.writeUInt32BE(length - 1, 1);
  let at = 5;
  for (const [index, part] of parts.entries()) {
    const end = at + (lengths[index] ?? 0);
    if (typeof part === 'string') memory.write(part, at, 'latin1');
    else {
      memory.fill(part.word, at, end - part.number.length, 'latin1');
      memory.write(part.number, end - part.number.length, 'latin1');
    }
    at = end;
  }
  return memory.subarray(0, length);
}

type Messages = Readonly<
  Record<string, { readonly most: number; readonly make: (text: Filling) => () => unknown }>
>;

/** Length limits: of a small message, of a buffered one, and of one from the database. */
const [small, large, longestOfDatabase] = [9000, 1 << 22, 1 << 24];

/**
 * Messages of the maximum length if they are not forwarded as they arrive. Only their processing is timed, not their
 * construction.
 */
const messages: Messages = {
  'Query of a client': { most: large, make: (text) => sent('Query', body`${text}\0`) },
  'Parse of a client': { most: large, make: (text) => sent('Parse', body`\0${text}\0\0\0`) },
  'Parse of a client, its name': {
    most: large,
    make: (text) => sent('Parse', body`${text}\0\0\0\0`),
  },
  'Bind of a client': { most: large, make: (text) => sent('Bind', body`\0\0${text}`) },
  'Bind of a client, its names': {
    most: large / 2,
    make: (text) => sent('Bind', body`${text}\0${text}\0\0\0\0\0\0\0`),
  },
  'Describe of a client': { most: small, make: (text) => sent('Describe', body`S${text}\0`) },
  'Execute of a client': { most: small, make: (text) => sent('Execute', body`${text}\0\0\0\0\0`) },
  'Close of a client': { most: small, make: (text) => sent('Close', body`P${text}\0`) },
  'FunctionCall of a client': {
    most: large,
    make: (text) => sent('FunctionCall', body`0000${text}`),
  },
  'CopyData of a client': { most: large, make: (text) => sent('CopyData', body`${text}`) },
  'CopyDone of a client': { most: small, make: (text) => sent('CopyDone', body`${text}`) },
  'CopyFail of a client': { most: small, make: (text) => sent('CopyFail', body`${text}\0`) },
  'Flush of a client': { most: small, make: (text) => sent('Flush', body`${text}`) },
  'Password of a client': { most: small, make: (text) => sent('Password', body`${text}\0`) },
  'Sync of a client': { most: small, make: (text) => sent('Sync', body`${text}`) },
  'Terminate of a client': { most: small, make: (text) => sent('Terminate', body`${text}`) },
  'ErrorResponse of a database': {
    most: longestOfDatabase,
    make: (text) => received('ErrorResponse', body`M${text}\0\0`),
  },
  'NoticeResponse of a database': {
    most: longestOfDatabase,
    make: (text) => received('NoticeResponse', body`M${text}\0\0`),
  },
  'NotificationResponse of a database': {
    most: longestOfDatabase / 2,
    make: (text) => received('NotificationResponse', body`0000${text}\0${text}\0`),
  },
  'ParameterStatus of a database': {
    most: longestOfDatabase,
    make: (text) => received('ParameterStatus', body`${text}\0\0`),
  },
  ...anyMessages([
    'BindComplete',
    'CloseComplete',
    'CommandComplete',
    'CopyBothResponse',
    'CopyData',
    'CopyDone',
    'CopyInResponse',
    'CopyOutResponse',
    'DataRow',
    'EmptyQueryResponse',
    'FunctionCallResponse',
    'NoData',
    'ParameterDescription',
    'ParseComplete',
    'PortalSuspended',
    'ReadyForQuery',
    'RowDescription',
  ]),
  ...loginMessages([
    ['Authentication', '\0\0\0\n', 'a list of mechanisms'],
    ['Authentication', '\0\0\0\v', 'a step of SCRAM'],
    ['Authentication', '\0\0\0\f', 'the end of SCRAM'],
    ['BackendKeyData', '0000', 'the key'],
    ['ErrorResponse', 'M', 'a message'],
    ['NegotiateProtocolVersion', '0000', 'options'],
    ['NoticeResponse', 'M', 'a message'],
    ['ParameterStatus', 'n\0', 'a value'],
  ]),
};

function anyMessages(names: readonly (keyof typeof BackendCode)[]): Messages {
  return Object.fromEntries(
    names.map((name) => [
      `${name} of a database`,
      { most: longestOfDatabase, make: (text: Filling) => received(name, body`${text}`) },
    ]),
  );
}

function loginMessages(
  all: readonly (readonly [name: keyof typeof BackendCode, before: string, what: string])[],
): Messages {
  return Object.fromEntries(
    all.map(([name, before, what]) => [
      `${name} of a database at the login, ${what}`,
      { most: 1 << 20, make: (text: Filling) => receivedAtLogin(name, [before, text, '\0\0']) },
    ]),
  );
}

/** The repeated content of a message; the content of texts is tested above. */
const fillings = ['a', '\0', 'M\0', 'a=1,', 'sluice_1 '];

/** A client sends one message. */
function sent(name: keyof typeof FrontendCode, parts: Body): () => unknown {
  const bytesSent = messageOf(FrontendCode[name], parts);
  const { owner } = scriptedParts();
  owner.longestBuffered = 1 << 22;
  return () => owner.forwarder.onData(bytesSent);
}

/** A database answers a Query with one message. */
function received(name: keyof typeof BackendCode, parts: Body): () => unknown {
  const bytesReceived = messageOf(BackendCode[name], parts);
  const { owner, server } = scriptedParts();
  owner.send(buildQuery('SELECT 1'));
  return () => server.socket.feed(bytesReceived);
}

const address: Address = {
  host: '127.0.0.1',
  port: 5432,
  tlsMode: 'disable',
  tlsNegotiation: 'postgres',
  md5WithoutTls: false,
  ca: undefined,
  serverName: 'localhost',
};

/** A database sends one message while the proxy logs in. */
function receivedAtLogin(name: keyof typeof BackendCode, parts: Body): () => unknown {
  const bytesReceived = messageOf(BackendCode[name], parts);
  const socket = new MemorySocket();
  const login = { address, startup: [], user: 'u', password: 'p' };
  const begun = new Login(socket, login, () => undefined);
  return () => {
    socket.feed(bytesReceived);
    begun.giveUp();
  };
}

let number = 0;

function scramServer(): ScramServer {
  const key = Buffer.alloc(32);
  return new ScramServer({ iterations: 4096, salt: key, storedKey: key, serverKey: key });
}

function ignoreErrors(work: () => unknown): void {
  try {
    work();
  } catch {
    // A refusal is a result too.
  }
}

/** The CPU time of the work, in milliseconds. */
function time(work: () => unknown): number {
  const began = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(began);
  return (user + system) / 1000;
}

/** `make` creates the work to time, for an input of that size. */
function assertLinear(what: string, most: number, make: (size: number) => () => unknown): void {
  const timeOf = (size: number): number => time(make(size));
  // If the time were quadratic, the whole would take sixteen times that of a quarter.
  if (!triesAll && timeOf(most / 4) <= suspicious / 16) return;
  // Only slow work is measured repeatedly.
  const once = timeOf(most);
  if (once <= suspicious) return;
  let least = [Infinity, Infinity, once] as const;
  for (let looks = 0; looks === 0 || !isLinear(least); looks += 1) {
    assert(looks < mostLooks, `${what}: ${least.map(Math.round).join(', ')} ms`);
    const [quarter, half, all] = [timeOf(most / 4), timeOf(most / 2), timeOf(most)];
    least = [Math.min(least[0], quarter), Math.min(least[1], half), Math.min(least[2], all)];
  }
}

suite('work is linear in the number of bytes from a peer', () => {
  before(loadParser);

  test('every message is covered', () => {
    const sides = { client: FrontendCode, database: BackendCode };
    for (const [side, codes] of Object.entries(sides)) {
      for (const name of Object.keys(codes)) {
        const title = `${name} of a ${side}`;
        assert(
          Object.keys(messages).some((tried) => tried.startsWith(title)),
          title,
        );
      }
    }
  });

  for (const [name, { most, take, isSql = false }] of Object.entries(entries)) {
    test(name, () => {
      // The frames are SQL; other code has each piece once.
      for (const [frame, [ahead, behind]] of frames
        .slice(0, isSql || triesAll ? undefined : 1)
        .entries()) {
        for (const [at, piece] of pieces.entries()) {
          if (!triesAll && isSql && (frame + at) % everyFrame !== 0) continue;
          assertLinear(`${name} of ${JSON.stringify(ahead + piece)}`, most, (size) => {
            const text = ahead + piece.repeat(Math.ceil(size / piece.length));
            // Never the same text twice, because of the cache.
            const whole = `${text}g${(number += 1)}${behind}`;
            return () => take(whole);
          });
        }
      }
    });
  }

  for (const [row, [name, { most, make }]] of Object.entries(messages).entries()) {
    test(name, () => {
      for (const [column, filling] of fillings.entries()) {
        if (!triesAll && (row + column) % 2 !== 0) continue;
        assertLinear(`${name} of ${JSON.stringify(filling)}`, most - 100, (size) => {
          const times = Math.floor(size / filling.length);
          return make({ word: filling, times, number: String((number += 1)) });
        });
      }
    });
  }
});
