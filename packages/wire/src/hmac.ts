import { hash } from 'node:crypto';

/** The block size of SHA-256 in bytes. */
const blockLength = 64;

const innerPad = 0x36;
const outerPad = 0x5c;

/** The inputs of the two hashes; reused, because everything happens within one call. */
const outer = Buffer.alloc(blockLength + 32);
let inner = Buffer.alloc(blockLength + 1024);

/** SHA-256 in one call: on Node.js a third less time than with an updated hash object. */
export function sha256(data: Buffer): Buffer {
  return hash('sha256', data, 'buffer');
}

/**
 * HMAC-SHA-256 (RFC 2104), from two hashes. `createHmac` creates a key object first, which takes Node.js about 30 µs;
 * this takes 5 µs, and a login needs two.
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
