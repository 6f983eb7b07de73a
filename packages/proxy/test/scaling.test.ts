import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import {
  ScramServer,
  parseErrorFields,
  parseOptions,
  parseStartup,
  parseVerifier,
  readDataRow,
  readNotificationResponse,
  readParameterStatus,
} from '@sluice/wire';
import { parseAuthFile } from '../src/credentials/auth-file.ts';
import { readStartupRequest } from '../src/frontend/startup-request.ts';
import { classifyBytes, loadParser, normalizedOf, statementEnds } from '../src/sql/index.ts';
import { flagsOfBody } from '../src/sql/body-words.ts';
import { sideEffectsOf } from '../src/sql/body-side-effects.ts';

/** A step from n to 2n may take so many times the CPU: two for what is linear, and some for the noise. */
const mostGrowth = 2.3;

/** Below this, in milliseconds, nothing is told from noise, and nobody is kept waiting. */
const negligible = 12;

/** Texts that a pattern or a scan may stumble over, each to be repeated. */
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
] as const;

const frames: readonly (readonly [before: string, after: string])[] = [
  ['', ''],
  ["COMMENT ON TABLE nope IS '", "'"],
  ['SELECT ', ''],
  ['DO $sluice$ ', ' $sluice$'],
  ["SELECT '", "'"],
  ['SELECT ', 'g12345'],
];

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Everything that takes bytes of a peer, with the most that the limits let it have. */
const entries: Readonly<
  Record<string, { readonly most: number; readonly take: (text: string) => unknown }>
> = {
  classifyBytes: { most: 1 << 20, take: (text) => classifyBytes(bytes(text), 0, text.length) },
  normalizedOf: { most: 1 << 20, take: (text) => normalizedOf(bytes(text), 0, text.length) },
  statementEnds: { most: 1 << 16, take: (text) => statementEnds(bytes(text), 0, text.length) },
  sideEffectsOf: { most: 1 << 18, take: (text) => sideEffectsOf(text) },
  flagsOfBody: { most: 1 << 18, take: (text) => flagsOfBody(text) },
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
};

let number = 0;

function scramServer(): ScramServer {
  const key = Buffer.alloc(32);
  return new ScramServer({ iterations: 4096, salt: key, storedKey: key, serverKey: key });
}

function ignoreErrors(work: () => unknown): void {
  try {
    work();
  } catch {
    // Refused is an answer too.
  }
}

/** The least CPU time of several, in milliseconds. */
function time(work: () => unknown, times: number): number {
  let least = Infinity;
  for (let round = 0; round < times; round += 1) {
    const began = process.threadCpuUsage();
    work();
    const { user, system } = process.threadCpuUsage(began);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

suite('work is linear in the bytes that a peer sends', () => {
  before(loadParser);

  for (const [name, { most, take }] of Object.entries(entries)) {
    test(name, () => {
      for (const [ahead, behind] of frames) {
        for (const piece of pieces) {
          const run = (size: number): (() => unknown) => {
            const text = ahead + piece.repeat(Math.ceil(size / piece.length));
            // Never the same twice: what was read before is remembered.
            return () => take(`${text}g${(number += 1)}${behind}`);
          };
          const whole = run(most);
          let last = time(whole, 1);
          if (last <= negligible) continue;
          // Only what takes long is looked at closely.
          last = Math.min(last, time(whole, 2));
          const [quarter, half] = [time(run(most / 4), 3), time(run(most / 2), 3)];
          const what = `${name} of ${JSON.stringify(ahead + piece)}: ${[quarter, half, last].map(Math.round).join(', ')} ms`;
          assert(last <= Math.max(4 * negligible, mostGrowth * half), what);
          assert(half <= Math.max(2 * negligible, mostGrowth * quarter), what);
          assert(last <= 50, what);
        }
      }
    });
  }
});
