import { isUtf8 } from 'node:buffer';
import { ByteCache, hashBytes } from './cache.ts';
import { Flag, effectsOf, opaqueEffects } from './effects.ts';
import type { Effects } from './effects.ts';
import { Lexer } from './lexer.ts';
import { deepestNesting, nestingOf } from './nesting.ts';
import { parse } from './parser.ts';
import { Lexis } from './lexis.ts';
import { readTree } from './tree.ts';

/** Longest text that is read at all, in bytes; reading it takes some 20 ms. */
export const longestText: number = 4 * 1024 * 1024;

/** Bytes of SQL that the parser is given at most; a parse of so many takes some milliseconds. */
const longestParse = 16 * 1024;

/** Bytes that each of the two caches may hold. */
const cacheBytes = 8 * 1024 * 1024;

/** Rows of operator characters longer than this cost the parser's lexer quadratic time. */
const operatorRun = /[~!@#^&|`?+\-*/%<>=]{257}/;

/** By text: those seen twice. */
const texts = new ByteCache<Effects>(cacheBytes);
/** By shape: 'literals' where the text itself has to be asked. */
const byNormalized = new ByteCache<Effects | 'literals'>(cacheBytes);
const lexer = new Lexer(longestParse, '1');

/**
 * Hashes of texts seen once. A text moves to the cache when it is seen again: those that differ in their
 * literals each time pass by without pushing anything out.
 */
const seen = new Int32Array(4096);

/** Answers of the lexer alone, by the number of statements. */
const plainRead = effectsOf(Flag.PlainRead, 1);
const reads: Effects[] = [];
const writes: Effects[] = [];

/**
 * What the SQL in `buffer[start, end)`, without its closing zero byte, does to a session. Synchronous and
 * remembered: a text seen before costs a look-up, one that differs only in literals a pass of the lexer,
 * and a new shape, if the lexer is not sure, a run of PostgreSQL's own parser.
 *
 * `lexis` tells under which session parameters the server will read it; see `lexisOf`.
 */
export function classifyBytes(
  buffer: Buffer,
  start: number,
  end: number,
  lexis: number = Lexis.Standard,
): Effects {
  if (lexis !== Lexis.Standard) {
    const text = buffer.subarray(start, end);
    if ((lexis & Lexis.Backslashes) !== 0 && text.includes(0x5c)) return opaqueEffects('backslash');
    if ((lexis & Lexis.UnsafeEncoding) !== 0 && text.some((byte) => byte >= 0x80)) {
      return opaqueEffects('encoding');
    }
  }
  if (end - start > longestText) return opaqueEffects('length');
  const hash = hashBytes(buffer, start, end);
  const known = texts.get(hash, buffer, start, end);
  if (known !== undefined) return known;
  const effects = read(buffer.subarray(start, end));
  // Not to be remembered: the parser is still being loaded.
  if (effects.reason === 'parser') return effects;
  const slot = hash & (seen.length - 1);
  if (seen[slot] === hash) texts.set(hash, buffer, start, end, effects);
  else seen[slot] = hash;
  return effects;
}

/** As `classifyBytes`, for a text at hand as a string. */
export function classify(text: string, lexis: number = Lexis.Standard): Effects {
  const buffer = Buffer.from(text);
  return classifyBytes(buffer, 0, buffer.length, lexis);
}

/** The lexer's verdict, or else what the parser says of the shape, or of the text. */
function read(text: Buffer): Effects {
  lexer.scan(text, 0, text.length);
  const { judge, needsText, reason } = lexer;
  if (reason !== undefined) return opaqueEffects(reason);
  if (judge.isSure) return sureEffects(judge.statements, judge.isPlain, judge.writes);
  if (!lexer.normalized.isWhole) return opaqueEffects('length');

  const normalized = lexer.normalized.bytes.subarray(0, lexer.normalized.length);
  if (needsText) return readText(text, normalized);
  const hash = hashBytes(normalized, 0, normalized.length);
  let effects = byNormalized.get(hash, normalized, 0, normalized.length);
  if (effects === undefined) {
    effects = readNormalized(normalized);
    if (effects === 'literals' || effects.reason !== 'parser') {
      byNormalized.set(hash, normalized, 0, normalized.length, effects);
    }
  }
  return effects === 'literals' ? readText(text, normalized) : effects;
}

function sureEffects(statements: number, isPlain: boolean, isWriting: boolean): Effects {
  if (statements === 1 && isPlain) return plainRead;
  const list = isWriting ? writes : reads;
  let effects = list[statements];
  if (effects === undefined) {
    effects = effectsOf(isWriting ? Flag.Writes : 0, statements);
    if (statements < 256) list[statements] = effects;
  }
  return effects;
}

/** What all texts of this shape do, if their literals have no say. */
function readNormalized(normalized: Buffer): Effects | 'literals' {
  if (nestingOf(normalized.toString('latin1')) > deepestNesting) return opaqueEffects('nesting');
  const parsed = parse(decode(normalized));
  // A shortened list may be too short for a grammar that counts: the text will tell.
  if (parsed === 'syntax') return 'literals';
  if (typeof parsed === 'string') return opaqueEffects(parsed);
  const reading = readTree(parsed, normalized.length, isUtf8(normalized));
  return reading.readsLiterals ? 'literals' : reading.effects;
}

/** What this text does, literals and all. Its shape tells how deep it nests. */
function readText(text: Buffer, normalized: Buffer): Effects {
  if (text.length > longestParse) return opaqueEffects('length');
  if (text.includes(0)) return opaqueEffects('zero byte');
  if (
    nestingOf(normalized.toString('latin1')) > deepestNesting ||
    operatorRun.test(text.toString('latin1'))
  ) {
    return opaqueEffects('nesting');
  }
  const parsed = parse(decode(text));
  if (typeof parsed === 'string') return opaqueEffects(parsed);
  return readTree(parsed, text.length, isUtf8(text)).effects;
}

/** Bytes that are not UTF-8 become one character each: all that matters here is ASCII. */
function decode(text: Buffer): string {
  return text.toString(isUtf8(text) ? 'utf8' : 'latin1');
}
