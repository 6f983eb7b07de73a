import { Char, charKinds, nameBytes } from './characters.ts';

/** The ends of tokens of variable length, according to PostgreSQL's lexical rules (scan.l). -1: unterminated. */

const quote = 0x27;
const doubleQuote = 0x22;
const backslash = 0x5c;
const plus = 0x2b;
const minus = 0x2d;
const slash = 0x2f;
const star = 0x2a;
const dollar = 0x24;

/** From inside a string to after its closing quote. '' does not close it, nor does \' with `escapes`. */
export function endOfString(
  buffer: Uint8Array,
  from: number,
  end: number,
  escapes: boolean,
): number {
  for (let at = from; at < end; at += 1) {
    const byte = buffer[at];
    if (byte === quote) {
      if (at + 1 === end || buffer[at + 1] !== quote) return at + 1;
      at += 1;
    } else if (escapes && byte === backslash) {
      at += 1;
    }
  }
  return -1;
}

/** From inside a quoted name to after its closing quote; "" does not close it. */
export function endOfName(buffer: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at += 1) {
    if (buffer[at] === doubleQuote) {
      if (at + 1 === end || buffer[at + 1] !== doubleQuote) return at + 1;
      at += 1;
    }
  }
  return -1;
}

/** From the first dollar sign of $tag$…$tag$ to after the last one; `from` if it opens no string. */
export function endOfDollarString(buffer: Buffer, from: number, end: number): number {
  let at = from + 1;
  while (at < end && buffer[at] !== dollar && nameBytes[buffer[at] ?? 0] === 1) at += 1;
  if (at === end || buffer[at] !== dollar) return from;
  const tag = buffer.subarray(from, at + 1);
  const close = buffer.subarray(0, end).indexOf(tag, at + 1);
  return close < 0 ? -1 : close + tag.length;
}

/** After a sequence of digits. */
export function endOfDigits(buffer: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && charKinds[buffer[at] ?? 0] === Char.Digit) at += 1;
  return at;
}

/** After a number: 1, 1.5e-3, .5, 0x1F, 1_000. */
export function endOfNumber(buffer: Uint8Array, from: number, end: number): number {
  const second = from + 1 < end ? (buffer[from + 1] ?? 0) | 0x20 : 0;
  let at = from;
  if (buffer[from] === 0x30 && (second === 0x78 || second === 0x6f || second === 0x62)) {
    at += 2;
    while (at < end && isHexadecimal(buffer[at] ?? 0)) at += 1;
    return at;
  }
  at = endOfNumerals(buffer, from, end);
  if (at < end && ((buffer[at] ?? 0) | 0x20) === 0x65) {
    const signed = at + 1 < end && (buffer[at + 1] === plus || buffer[at + 1] === minus);
    const digits = at + (signed ? 2 : 1);
    if (digits < end && charKinds[buffer[digits] ?? 0] === Char.Digit) {
      at = endOfNumerals(buffer, digits, end);
    }
  }
  return at;
}

function endOfNumerals(buffer: Uint8Array, from: number, end: number): number {
  let at = from;
  for (; at < end; at += 1) {
    const byte = buffer[at] ?? 0;
    if (charKinds[byte] !== Char.Digit && byte !== 0x2e && byte !== 0x5f) break;
  }
  return at;
}

function isHexadecimal(byte: number): boolean {
  const letter = byte | 0x20;
  return charKinds[byte] === Char.Digit || (letter >= 0x61 && letter <= 0x66) || byte === 0x5f;
}

/** True if `--` or a block comment starts here. */
export function startsComment(buffer: Uint8Array, at: number, end: number): boolean {
  if (at + 1 >= end) return false;
  const next = buffer[at + 1];
  return buffer[at] === minus ? next === minus : buffer[at] === slash && next === star;
}

/** From the start of either kind of comment to its end; block comments nest. */
export function endOfComment(buffer: Uint8Array, from: number, end: number): number {
  let at = from;
  if (buffer[from] === minus) {
    while (at < end && buffer[at] !== 0x0a && buffer[at] !== 0x0d) at += 1;
    return at;
  }
  let depth = 0;
  while (at + 1 < end) {
    const byte = buffer[at];
    const next = buffer[at + 1];
    if (byte === slash && next === star) {
      depth += 1;
      at += 2;
    } else if (byte === star && next === slash) {
      depth -= 1;
      at += 2;
      if (depth === 0) return at;
    } else {
      at += 1;
    }
  }
  return -1;
}

/** After a sequence of operator characters; a comment ends it. */
export function endOfOperator(buffer: Uint8Array, from: number, end: number): number {
  let at = from + 1;
  while (at < end && charKinds[buffer[at] ?? 0] === Char.Operator) {
    if (startsComment(buffer, at, end)) break;
    at += 1;
  }
  return at;
}
