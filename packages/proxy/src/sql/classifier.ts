import { isUtf8 } from 'node:buffer';
import { has } from '../distinct.ts';
import { ByteCache, hashBytes } from './cache.ts';
import { Flag, effectsOf, effectsOfTemplate, opaqueEffects } from './effects.ts';
import type { Effects } from './effects.ts';
import { Lexer } from './lexer.ts';
import { isTooDeep, longestRun } from './nesting.ts';
import { parse } from './parser.ts';
import { Lexis } from './lexis.ts';
import { Template } from './template.ts';
import { TemplateCache } from './template-cache.ts';
import { readTree } from './tree.ts';

/** The longest text that is analyzed, in bytes; it takes up to 20 ms, in which the event loop does nothing else. */
export const longestText: number = 1024 * 1024;

/** The longest SQL for the parser, in bytes; parsing it takes some milliseconds. */
const longestParse = 16 * 1024;

/** The maximum size of each of the two caches, in bytes. */
const cacheBytes = 8 * 1024 * 1024;

/** Operator characters that the parser's lexer should not get; literals and comments are searched too. */
const operatorRun = new RegExp(`[~!@#^&|\`?+\\-*/%<>=]{${longestRun + 1}}`);

/** By template: texts of which the lexer was sure, and those without literals. */
const templates = new TemplateCache<Effects>();
/** By text: those seen twice that have no template. */
const texts = new ByteCache<Effects>(cacheBytes);
/** By normalized text: 'literals' if the original text must be parsed. */
const byNormalized = new ByteCache<Effects | 'literals'>(cacheBytes);
const lexer = new Lexer(longestParse, '1');

/**
 * Hashes of texts seen once. A text is cached when it is seen again, so texts with different literals each time evict
 * nothing.
 */
const seen = new Int32Array(4096);

/** Results of the lexer alone, by the number of statements. */
const plainRead = effectsOf(Flag.PlainRead, 1);
const reads: Effects[] = [];
const writes: Effects[] = [];

/**
 * The effects of the SQL in `buffer[start, end)`, without its terminating zero byte, on a session. Synchronous and
 * cached: a text seen before costs a lookup, also with other literals if the lexer was sure of it. Otherwise one that
 * differs only in literals costs a pass of the lexer, and a new normalized text a run of PostgreSQL's parser.
 *
 * `lexis` describes the session parameters under which the server will parse it; see `lexisOf`.
 */
export function classifyBytes(
  buffer: Buffer,
  start: number,
  end: number,
  lexis: Lexis = Lexis.Standard,
): Effects {
  if (lexis !== Lexis.Standard) {
    const text = buffer.subarray(start, end);
    if (has(lexis, Lexis.Backslashes) && text.includes(0x5c)) return opaqueEffects('backslash');
    if (has(lexis, Lexis.UnsafeEncoding) && text.some((byte) => byte >= 0x80)) {
      return opaqueEffects('encoding');
    }
  }
  if (end - start > longestText) return opaqueEffects('length');
  const similar = templates.get(buffer, start, end);
  if (similar !== undefined) return similar;
  const hash = hashBytes(buffer, start, end);
  const known = texts.get(hash, buffer, start, end);
  if (known !== undefined) return known;
  const effects = read(buffer.subarray(start, end));
  // Not cached: the parser is still being loaded.
  if (effects.reason === 'parser') return effects;
  if (isOfTemplate()) {
    const template = new Template(templates.hash, templates.hasStrings);
    const own = effectsOfTemplate(effects, template);
    templates.set(own);
    return own;
  }
  const slot = hash & (seen.length - 1);
  if (seen[slot] === hash) texts.set(hash, buffer, start, end, effects);
  else seen[slot] = hash;
  return effects;
}

/** As `classifyBytes`, for a string. */
export function classify(text: string, lexis: Lexis = Lexis.Standard): Effects {
  const buffer = Buffer.from(text);
  return classifyBytes(buffer, 0, buffer.length, lexis);
}

/** Whether all texts with the template of the one that was read last have its effects. */
function isOfTemplate(): boolean {
  if (!templates.hasTemplate) return false;
  return !templates.hasLiterals || (lexer.reason === undefined && lexer.judge.isSure);
}

/** The verdict of the lexer, or else that of the parser on the normalized text, or on the original. */
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
    effects = effectsOf(isWriting ? Flag.Writes : Flag.None, statements);
    if (statements < 256) list[statements] = effects;
  }
  return effects;
}

/** The effects of all texts with this normalized text, if their literals do not matter. */
function readNormalized(normalized: Buffer): Effects | 'literals' {
  if (isTooDeep(normalized.toString('latin1'))) return opaqueEffects('nesting');
  const parsed = parse(decode(normalized));
  // A shortened list may be too short for a grammar rule that counts: the original text decides.
  if (parsed === 'syntax') return 'literals';
  if (typeof parsed === 'string') return opaqueEffects(parsed);
  const reading = readTree(parsed, normalized.length, isUtf8(normalized));
  return reading.readsLiterals ? 'literals' : reading.effects;
}

/** The effects of this text, including its literals. The normalized text shows its nesting depth. */
function readText(text: Buffer, normalized: Buffer): Effects {
  if (text.length > longestParse) return opaqueEffects('length');
  if (text.includes(0)) return opaqueEffects('zero byte');
  if (isTooDeep(normalized.toString('latin1')) || operatorRun.test(text.toString('latin1')))
    return opaqueEffects('nesting');
  const parsed = parse(decode(text));
  if (typeof parsed === 'string') return opaqueEffects(parsed);
  return readTree(parsed, text.length, isUtf8(text)).effects;
}

/** Bytes that are not UTF-8 become one character each: only ASCII matters here. */
function decode(text: Buffer): string {
  return text.toString(isUtf8(text) ? 'utf8' : 'latin1');
}
