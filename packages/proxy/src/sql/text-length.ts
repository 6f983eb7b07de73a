/** The number of bytes of a non-ASCII character, by its first byte, in an encoding that PostgreSQL reports. */
type Width = (byte: number) => number;

const one: Width = () => 1;
const two: Width = () => 2;

const widths: ReadonlyMap<string, Width> = new Map<string, Width>([
  ['UTF8', (byte) => (byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4)],
  ['EUC_JP', (byte) => (byte === 0x8f ? 3 : 2)],
  ['EUC_JIS_2004', (byte) => (byte === 0x8f ? 3 : 2)],
  ['EUC_CN', two],
  ['EUC_KR', two],
  ['EUC_TW', (byte) => (byte === 0x8e ? 4 : 2)],
]);

/**
 * The number of characters that PostgreSQL counts in the first `end` bytes of a text, after conversion to the database
 * encoding. It does not convert if either side is SQL_ASCII.
 */
export function charactersIn(
  text: Buffer,
  end: number,
  clientEncoding: string | undefined,
  serverEncoding: string | undefined,
): number {
  const encoding =
    serverEncoding === 'SQL_ASCII' || clientEncoding !== 'SQL_ASCII'
      ? clientEncoding
      : serverEncoding;
  const width = serverEncoding === 'SQL_ASCII' ? one : (widths.get(encoding ?? '') ?? one);
  let characters = 0;
  for (let at = 0; at < end; characters++) {
    const byte = text[at] ?? 0;
    at += byte < 0x80 ? 1 : width(byte);
  }
  return characters;
}
