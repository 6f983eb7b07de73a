import { TransactionStatus } from './codes.ts';
import { bodyAt } from './frame.ts';

/** A message with an invalid format: the connection with its sender must be closed. */
export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage';

  constructor(message: string) {
    super(`a malformed ${message}`);
  }
}

/*
 * The contents of messages (manual, "Message Formats"). Each function parses the body `buffer[start, end)`, checks that
 * it is complete, and throws MalformedMessage otherwise, so callers need no further checks.
 */

/** ParameterStatus (B): String name, String value; both as bytes, one character per byte. */
export function readParameterStatus(
  buffer: Buffer,
  start: number,
  end: number,
): [name: string, value: string] {
  const nameEnd = endOfString(buffer, start, end, 'ParameterStatus');
  const valueEnd = endOfString(buffer, nameEnd + 1, end, 'ParameterStatus');
  return [
    buffer.toString('latin1', start, nameEnd),
    buffer.toString('latin1', nameEnd + 1, valueEnd),
  ];
}

/**
 * NotificationResponse (B): Int32 process id, String channel, String payload; both as bytes, one character per byte.
 */
export function readNotificationResponse(
  buffer: Buffer,
  start: number,
  end: number,
): { readonly processId: number; readonly channel: string; readonly payload: string } {
  const channelEnd = endOfString(buffer, start + 4, end, 'NotificationResponse');
  const payloadEnd = endOfString(buffer, channelEnd + 1, end, 'NotificationResponse');
  return {
    processId: buffer.readInt32BE(start),
    channel: buffer.toString('latin1', start + 4, channelEnd),
    payload: buffer.toString('latin1', channelEnd + 1, payloadEnd),
  };
}

/**
 * DataRow (B): Int16 columns, then for each Int32 length (-1 for NULL) and the bytes, one character per byte. Null is
 * the SQL NULL.
 */
export function readDataRow(buffer: Buffer, start: number, end: number): (string | null)[] {
  if (start + 2 > end) throw new MalformedMessage('DataRow');
  const values: (string | null)[] = [];
  let at = start + 2;
  for (let columns = buffer.readUInt16BE(start); columns > 0; columns--) {
    if (at + 4 > end) throw new MalformedMessage('DataRow');
    const length = buffer.readInt32BE(at);
    at += 4;
    if (length < 0) {
      values.push(null);
      continue;
    }
    if (at + length > end) throw new MalformedMessage('DataRow');
    values.push(buffer.toString('latin1', at, at + length));
    at += length;
  }
  return values;
}

/** AuthenticationXXX (B): Int32 kind (see `AuthenticationKind`), Byten data. */
export function readAuthentication(
  body: Buffer,
): { readonly kind: number; readonly data: Buffer } | null {
  return body.length < 4 ? null : { kind: body.readUInt32BE(0), data: body.subarray(4) };
}

/** BackendKeyData (B): Int32 process id, Byten secret (4 bytes in 3.0, up to 256 in 3.2). */
export function readBackendKeyData(
  body: Buffer,
): { readonly processId: number; readonly secretKey: Buffer } | null {
  // A copy: otherwise its chunk would stay in memory as long as the connection.
  return body.length < 8
    ? null
    : { processId: body.readUInt32BE(0), secretKey: Buffer.from(body.subarray(4)) };
}

/**
 * ReadyForQuery (B): Byte1('Z') Int32(5) Byte1 status. The status of the complete message `buffer[at, end)`; 0 if the
 * message is malformed.
 */
export function readyStatus(buffer: Buffer, at: number, end: number): number {
  const status = end === bodyAt(at) + 1 ? (buffer[end - 1] ?? 0) : 0;
  const isKnown =
    status === TransactionStatus.Idle ||
    status === TransactionStatus.InTransaction ||
    status === TransactionStatus.Failed;
  return isKnown ? status : 0;
}

/** Replaces the sender in the NotificationResponse that begins at `at`. */
export function writeNotificationSender(buffer: Buffer, at: number, processId: number): void {
  buffer.writeInt32BE(processId | 0, bodyAt(at));
}

/** ParameterDescription (B), its body: Int16 n, Int32[n] types. The number of parameters. */
export function countParameters(body: Buffer): number {
  return body.length < 2 ? 0 : body.readUInt16BE(0);
}

/** The number of bytes of a column in RowDescription after its name, and of those before the type. */
const columnTail = 18;
const beforeType = 6;

/**
 * RowDescription (B), its body: Int16 n, then for each column String name, Int32 table, Int16 column number, Int32
 * type, Int16 type size, Int32 type modifier, Int16 format. Whether two are equal except for the origins and formats of
 * the columns.
 */
export function sameColumns(a: Buffer, b: Buffer): boolean {
  if (a.length !== b.length || a.length < 2) return false;
  if (a.equals(b)) return true;
  let at = 2;
  for (let columns = a.readUInt16BE(0); columns > 0; columns--) {
    const nameEnd = a.indexOf(0, at);
    const next = nameEnd + 1 + columnTail;
    if (nameEnd < 0 || next > a.length) return false;
    if (a.compare(b, at, nameEnd + 1, at, nameEnd + 1) !== 0) return false;
    const type = nameEnd + 1 + beforeType;
    if (a.compare(b, type, next - 2, type, next - 2) !== 0) return false;
    at = next;
  }
  return a.readUInt16BE(0) === b.readUInt16BE(0);
}

/** The position of the zero byte of the String that begins at `start`. */
function endOfString(buffer: Buffer, start: number, end: number, message: string): number {
  const zero = start < end ? buffer.indexOf(0, start) : -1;
  if (zero < 0 || zero >= end) throw new MalformedMessage(message);
  return zero;
}
