import { isUtf8 } from 'node:buffer';

const zero = Buffer.from([0]);

/** The UTF-8 bytes of a text as a string, one character per byte. */
export function bytesOf(value: string): string {
  return Buffer.from(value).toString('latin1');
}

/** Bytes, one character each, as readable text: decoded as UTF-8 if they are valid. */
export function readable(bytes: string): string {
  const buffer = Buffer.from(bytes, 'latin1');
  return isUtf8(buffer) ? buffer.toString() : bytes;
}

/** A protocol String: the text and a zero byte. With `latin1` each character of `value` is one byte. */
export function text(value: string | Buffer, encoding: 'utf8' | 'latin1' = 'utf8'): Buffer {
  return typeof value === 'string'
    ? Buffer.from(`${value}\0`, encoding)
    : Buffer.concat([value, zero]);
}

/** A message: Byte1 code, Int32 length (which counts itself, not the code), body. */
export function buildMessage(code: number, ...body: readonly Buffer[]): Buffer {
  let length = 4;
  for (const part of body) length += part.length;
  const message = Buffer.allocUnsafe(1 + length);
  message[0] = code;
  message.writeUInt32BE(length, 1);
  let at = 5;
  for (const part of body) at += part.copy(message, at);
  return message;
}

/** A packet of the startup phase, without a code byte: Int32 length, Int32 code, body. */
export function buildPacket(code: number, ...body: readonly Buffer[]): Buffer {
  let length = 8;
  for (const part of body) length += part.length;
  const packet = Buffer.allocUnsafe(length);
  packet.writeUInt32BE(length, 0);
  packet.writeUInt32BE(code, 4);
  let at = 8;
  for (const part of body) at += part.copy(packet, at);
  return packet;
}

/** An Int32, most significant byte first. */
export function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
}
