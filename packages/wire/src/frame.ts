/*
 * The framing of messages (manual, "Message Formats"): Byte1 code, Int32 length, then the body. The length includes
 * itself and the body, not the code. These are plain functions on a buffer and an offset, so that walking a stream
 * allocates nothing: `at` is the start of the message.
 */

/** Byte1 code, Int32 length. */
export const headerLength = 5;

/** The smallest valid length: the length field alone. */
export const shortestLength = 4;

/** PostgreSQL's limit for the length of a message (PQ_LARGE_MESSAGE_LIMIT and PqMaxMsg, 1 GiB - 1). */
export const longestMessage = 0x3fffffff;

/** PostgreSQL's limit for client messages without user data (PQ_SMALL_MESSAGE_LIMIT). */
export const longestSmallMessage = 10_000;

/** The length field of the message. Its header must be complete. */
export function lengthAt(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at + 1);
}

/** The start of its body. */
export function bodyAt(at: number): number {
  return at + headerLength;
}

/** The end of the message, if the length is known already: the loops over received data read it only once. */
export function endAfter(at: number, length: number): number {
  return at + 1 + length;
}

/** The end of the message according to its length: beyond the buffer if the rest has not arrived. */
export function messageEnd(buffer: Buffer, at: number): number {
  return at + 1 + buffer.readUInt32BE(at + 1);
}

/** The end of the message; -1 while the buffer does not contain all of it. */
export function wholeMessageEnd(buffer: Buffer, at: number): number {
  if (at + headerLength > buffer.length) return -1;
  const end = messageEnd(buffer, at);
  return end > buffer.length ? -1 : end;
}

/** Writes the length into a complete message, after its body has changed. */
export function writeLength(message: Buffer, length: number = message.length - 1): void {
  message.writeUInt32BE(length, 1);
}
