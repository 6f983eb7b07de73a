import { hash } from 'node:crypto';

/** SHA-256 works on blocks of so many bytes. */
const blockLength = 64;

const innerPad = 0x36;
const outerPad = 0x5c;

/** What the two hashes are made of; used again and again, since all is done within one call. */
const outer = Buffer.alloc(blockLength + 32);
let inner = Buffer.alloc(blockLength + 1024);

/** SHA-256 in one go: on Node.js a third less than an object that is updated. */
export function sha256(data: Buffer): Buffer {
  return hash('sha256', data, 'buffer');
}

/**
 * HMAC-SHA-256 (RFC 2104), of two hashes. `createHmac` makes a key object first, which takes Node.js some 30 µs; this
 * takes 5, and a login needs two.
 */
export function hmacSha256(key: Buffer, data: string): Buffer {
  const block = key.length > blockLength ? sha256(key) : key;
  const length = Buffer.byteLength(data);
  if (inner.length < blockLength + length) inner = Buffer.alloc(blockLength + length);
  for (let at = 0; at < blockLength; at++) {
    const byte = block[at] ?? 0;
    inner[at] = byte ^ innerPad;
    outer[at] = byte ^ outerPad;
  }
  inner.write(data, blockLength);
  sha256(inner.subarray(0, blockLength + length)).copy(outer, blockLength);
  return sha256(outer);
}
