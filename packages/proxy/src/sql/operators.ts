import { plainOperators } from './known-names.ts';

const plus = 0x2b;
const minus = 0x2d;

function pack(name: string): number {
  let packed = 0;
  for (const byte of Buffer.from(name, 'latin1')) packed = (packed << 8) | byte;
  return packed;
}

/** The built-in operators, all of up to four characters, by their bytes. */
const known: ReadonlySet<number> = new Set(
  [...plainOperators].filter((name) => name.length <= 4).map(pack),
);

/** Those from which PostgreSQL's lexer separates a trailing sign, as in `a=-1`. */
const signable: ReadonlySet<number> = new Set(
  [...plainOperators].filter((name) => /^[-+*/<>=]{1,4}$/.test(name)).map(pack),
);

/** True if the operator characters in `buffer[start, end)` are built-in operators. */
export function isKnownOperator(buffer: Uint8Array, start: number, end: number): boolean {
  if (end - start > 4) return false;
  let packed = 0;
  for (let at = start; at < end; at += 1) packed = (packed << 8) | (buffer[at] ?? 0);
  if (known.has(packed)) return true;
  while (packed > 0xff && ((packed & 0xff) === plus || (packed & 0xff) === minus)) packed >>>= 8;
  return signable.has(packed);
}
