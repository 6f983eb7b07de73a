import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';

const segmentCommand = 0x19;
const signatureCommand = 0x1d;

const pageBits = 12;
const pageSize = 2 ** pageBits;
const hashSize = 32;

/**
 * Signs a Mach-O program ad hoc, as `codesign --sign -` does, on any platform.
 *
 * Bun keeps the signature of its own x64 runtime, which is no longer valid after it has added the bundle, and macOS
 * kills such a program at its start. (For arm64 Bun signs what it compiles.)
 *
 * The layout is that of Apple's cs_blobs.h: a super blob with one code directory, which contains a hash of every page.
 */
export async function signAdHoc(file: string, identifier: string): Promise<void> {
  const program = await readFile(file);
  const commands = [...loadCommands(program)];
  const at = (wanted: (command: LoadCommand) => boolean, what: string): number => {
    const found = commands.find(wanted);
    if (found === undefined) throw new Error(`${file} has no ${what}`);
    return found.offset;
  };
  const isSegment =
    (name: string) =>
    ({ kind, offset }: LoadCommand): boolean =>
      kind === segmentCommand &&
      program.toString('latin1', offset + 8, offset + 24).replace(/\0+$/, '') === name;
  const signature = at(({ kind }) => kind === signatureCommand, 'room for a signature');
  const text = at(isSegment('__TEXT'), 'segment __TEXT');
  const linkEdit = at(isSegment('__LINKEDIT'), 'segment __LINKEDIT');

  // The signature covers the file up to its own start.
  const limit = program.readUInt32LE(signature + 8);
  const name = Buffer.from(`${identifier}\0`);
  const pages = Math.ceil(limit / pageSize);
  const hashesAt = 88 + name.length;
  const directorySize = hashesAt + pages * hashSize;
  const blobSize = 20 + directorySize;
  // The load commands are on the first page, so they are changed before it is hashed.
  program.writeUInt32LE(blobSize, signature + 12);
  const linkEditSize = BigInt(limit + blobSize) - program.readBigUInt64LE(linkEdit + 40);
  program.writeBigUInt64LE(linkEditSize, linkEdit + 48);
  const mapped = ((linkEditSize + 0xfffn) / 0x1000n) * 0x1000n;
  program.writeBigUInt64LE(mapped, linkEdit + 32);

  const blob = Buffer.alloc(blobSize);
  let next = 0;
  const number = (value: number): void => {
    next = blob.writeUInt32BE(value, next);
  };
  // The super blob: magic, length, one entry, which is a code directory at 20.
  for (const value of [0xfade0cc0, blobSize, 1, 0, 20]) number(value);
  // The code directory: magic, length, version, flags (ad hoc), hashes, identifier, no special slots, pages, limit.
  for (const value of [0xfade0c02, directorySize, 0x20400, 0x2, hashesAt, 88, 0, pages, limit])
    number(value);
  // SHA-256, no platform, and the size of a page; then five unused fields (the limit fits into 32 bits).
  for (const value of [hashSize, 2, 0, pageBits]) next = blob.writeUInt8(value, next);
  next += 4 * 4 + 8;
  // The executable segment: its start, its length, and that it belongs to a main program.
  next = blob.writeBigUInt64BE(program.readBigUInt64LE(text + 40), next);
  next = blob.writeBigUInt64BE(program.readBigUInt64LE(text + 48), next);
  next = blob.writeBigUInt64BE(1n, next);
  next += name.copy(blob, next);
  for (const hash of pageHashes(program.subarray(0, limit))) next += hash.copy(blob, next);
  await writeFile(file, Buffer.concat([program.subarray(0, limit), blob]));
}

/** The hashes of the pages of a program; the last page may be shorter. */
export function* pageHashes(program: Buffer): Generator<Buffer> {
  for (let start = 0; start < program.length; start += pageSize) {
    yield createHash('sha256')
      .update(program.subarray(start, start + pageSize))
      .digest();
  }
}

interface LoadCommand {
  readonly kind: number;
  readonly offset: number;
}

function* loadCommands(program: Buffer): Generator<LoadCommand> {
  if (program.readUInt32LE(0) !== 0xfeedfacf) throw new Error('not a 64-bit Mach-O program');
  let offset = 32;
  for (let left = program.readUInt32LE(16); left > 0; left--) {
    yield { kind: program.readUInt32LE(offset), offset };
    offset += program.readUInt32LE(offset + 4);
  }
}
