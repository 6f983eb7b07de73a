/*
 * How messages stand in a stream (manual, "Message Formats"): Byte1 code, Int32 length, then the body. The length counts
 * itself and the body, not the code. These are plain functions over a buffer and an offset, so that walking a stream
 * allocates nothing: `at` is where the message begins.
 */

/** Byte1 code, Int32 length. */
export const headerLength = 5;

/** The smallest length that a message can say: the length alone. */
export const shortestLength = 4;

/** No message is longer: PostgreSQL's own limit (PQ_LARGE_MESSAGE_LIMIT and PqMaxMsg, 1 GiB - 1). */
export const longestMessage = 0x3fffffff;

/** PostgreSQL's limit for messages of a client that carry no user data (PQ_SMALL_MESSAGE_LIMIT). */
export const longestSmallMessage = 10_000;

/** What the length of the message says. Its header must be there. */
export function lengthAt(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at + 1);
}

/** Where its body begins. */
export function bodyAt(at: number): number {
  return at + headerLength;
}

/** The same where the length has been read already: the loops over what comes from sockets read it once. */
export function endAfter(at: number, length: number): number {
  return at + 1 + length;
}

/** Where it ends and the next begins, as its length says: beyond the buffer if the rest has not come. */
export function messageEnd(buffer: Buffer, at: number): number {
  return at + 1 + buffer.readUInt32BE(at + 1);
}

/** Where the message ends; -1 while the buffer does not hold all of it. */
export function wholeMessageEnd(buffer: Buffer, at: number): number {
  if (at + headerLength > buffer.length) return -1;
  const end = messageEnd(buffer, at);
  return end > buffer.length ? -1 : end;
}

/** Writes the length into a message that is whole: after its body has changed. */
export function writeLength(message: Buffer, length: number = message.length - 1): void {
  message.writeUInt32BE(length, 1);
}
