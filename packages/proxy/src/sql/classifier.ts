import { isUtf8 } from 'node:buffer';
import { ByteCache } from './cache.ts';
import { opaqueEffects } from './effects.ts';
import type { Effects } from './effects.ts';
import { parse } from './parser.ts';
import { readTree } from './tree.ts';

/** Bytes of SQL that the parser is given at most: beyond, its time would hold up every client. */
const longestParse = 16 * 1024;

const texts = new ByteCache<Effects>(8 * 1024 * 1024);

/**
 * What the SQL in `buffer[start, end)`, without its closing zero byte, does to a session. Remembered by
 * text.
 */
export function classifyBytes(buffer: Buffer, start: number, end: number): Effects {
  const known = texts.get(buffer, start, end);
  if (known !== undefined) return known;
  const effects = parseAndRead(buffer.subarray(start, end));
  texts.set(buffer, start, end, effects);
  return effects;
}

/** As `classifyBytes`, for a text at hand as a string. */
export function classify(text: string): Effects {
  const buffer = Buffer.from(text);
  return classifyBytes(buffer, 0, buffer.length);
}

function parseAndRead(text: Buffer): Effects {
  if (text.length > longestParse) return opaqueEffects('length');
  if (text.includes(0)) return opaqueEffects('zero byte');
  const parsed = parse(text.toString(isUtf8(text) ? 'utf8' : 'latin1'));
  if (typeof parsed === 'string') return opaqueEffects(parsed);
  return readTree(parsed, text.length).effects;
}
