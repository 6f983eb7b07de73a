/*
 * The messages of clients, and the responses of the database as text that tests can compare. Written only from the
 * documentation of the protocol and without the code under test, so that both cannot have the same errors.
 */

/** One received message: its code, and what follows the length. */
export interface Message {
  readonly code: string;
  readonly body: Buffer;
}

/** A C string: the text, in UTF-8 unless another encoding is given, and a zero byte. */
export function cstring(text: string, encoding: BufferEncoding = 'utf8'): Buffer {
  return Buffer.from(`${text}\0`, encoding);
}

/** A signed 16-bit number in network byte order. */
export function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeInt16BE(value);
  return buffer;
}

/** A signed 32-bit number in network byte order. */
export function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}

/** A message: code, length (which includes itself but not the code), body. */
export function message(code: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(code, 'latin1'), int32(body.length + 4), body]);
}

/** The first packet of a connection, which has no code: length, protocol version, pairs of names and values. */
export function startupPacket(
  parameters: Readonly<Record<string, string>>,
  version = 0x0003_0000,
  encoding: BufferEncoding = 'utf8',
): Buffer {
  const pairs = Object.entries(parameters).map((pair) => cstring(pair.join('\0'), encoding));
  return untypedPacket(version, ...pairs, Buffer.from([0]));
}

/** What may precede or replace the startup packet: a magic number instead of the version. */
export const sslRequest = untypedPacket(80_877_103);
export const gssEncRequest = untypedPacket(80_877_104);

/** Requests that the statement of the connection with this key ends; sent on a separate connection. */
export function cancelPacket(key: BackendKey): Buffer {
  return untypedPacket(80_877_102, int32(key.pid), key.secret);
}

/** Identifies a connection in a cancel request. The secret has 4 bytes in protocol 3.0, and up to 256 in 3.2. */
export interface BackendKey {
  readonly pid: number;
  readonly secret: Buffer;
}

function untypedPacket(magic: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat([int32(magic), ...parts]);
  return Buffer.concat([int32(body.length + 4), body]);
}

/** Query: one or more statements as text. */
export const query = (text: string, encoding?: BufferEncoding): Buffer =>
  message('Q', cstring(text, encoding));

/** Parse: a statement with a name, and the OIDs of its parameters if they are given. */
export const parse = (
  name: string,
  text: string,
  types: readonly number[] = [],
  encoding?: BufferEncoding,
): Buffer =>
  message(
    'P',
    cstring(name, encoding),
    cstring(text, encoding),
    int16(types.length),
    ...types.map(int32),
  );

/** Bind: values, as text or NULL, for a statement; results as text unless `binary`. */
export function bind(
  statement: string,
  values: readonly (string | null)[] = [],
  {
    portal = '',
    binary = false,
    encoding = 'utf8',
  }: {
    readonly portal?: string;
    readonly binary?: boolean;
    readonly encoding?: BufferEncoding;
  } = {},
): Buffer {
  const fields = values.map((value) => {
    if (value === null) return int32(-1);
    const bytes = Buffer.from(value, encoding);
    return Buffer.concat([int32(bytes.length), bytes]);
  });
  const formats = binary ? [int16(1), int16(1)] : [int16(0)];
  return message(
    'B',
    cstring(portal, encoding),
    cstring(statement, encoding),
    int16(0),
    int16(values.length),
    ...fields,
    ...formats,
  );
}

/** Describe and Close refer to a statement (`S`) or a portal (`P`). */
export const describe = (kind: 'S' | 'P', name = '', encoding?: BufferEncoding): Buffer =>
  message('D', Buffer.from(kind), cstring(name, encoding));
export const close = (kind: 'S' | 'P', name = '', encoding?: BufferEncoding): Buffer =>
  message('C', Buffer.from(kind), cstring(name, encoding));

/** Execute: runs a portal, to its end or for a number of rows. */
export const execute = (portal = '', rows = 0): Buffer =>
  message('E', cstring(portal), int32(rows));

export const sync = message('S');
export const flush = message('H');
export const terminate = message('X');
export const copyData = (data: string | Buffer): Buffer => message('d', Buffer.from(data));
export const copyDone = message('c');
export const copyFail = (reason: string): Buffer => message('f', cstring(reason));

/** FunctionCall, with arguments and result as text. */
export const functionCall = (oid: number, values: readonly string[]): Buffer =>
  message(
    'F',
    int32(oid),
    int16(0),
    int16(values.length),
    ...values.flatMap((value) => [int32(Buffer.byteLength(value)), Buffer.from(value)]),
    int16(0),
  );

/** The fields of an ErrorResponse or NoticeResponse by their letter: `C` is the SQLSTATE, `M` the message. */
export function fieldsOf({ body }: Message): Record<string, string> {
  const fields = body.toString().split('\0').filter(Boolean);
  return Object.fromEntries(fields.map((field) => [field.charAt(0), field.slice(1)]));
}

/** The columns of a DataRow as text. */
export function columnsOf({ body }: Message): (string | null)[] {
  const columns: (string | null)[] = [];
  let at = 2;
  while (at < body.length) {
    const length = body.readInt32BE(at);
    at += 4;
    columns.push(length < 0 ? null : body.toString('utf8', at, at + Math.max(length, 0)));
    at += Math.max(length, 0);
  }
  return columns;
}

/** The rows in these messages. */
export function rowsOf(messages: readonly Message[]): (string | null)[][] {
  return messages.filter(({ code }) => code === 'D').map(columnsOf);
}

/**
 * A message in one or two words: `T`, `D 1 a`, `C SELECT 1`, `E 42P01`, `Z I`. Omits values that differ between runs
 * (keys, OIDs of tables, source lines).
 */
export function outline(message: Message): string {
  const { code, body } = message;
  switch (code) {
    case 'D':
      return `D ${columnsOf(message).join(' ')}`;
    case 'E':
    case 'N':
      return `${code} ${fieldsOf(message)['C']}`;
    case 'C':
      return `C ${body.toString('utf8', 0, body.length - 1)}`;
    case 'Z':
      return `Z ${body.toString('latin1')}`;
    case 'S':
      return `S ${body.toString('utf8', 0, body.length - 1).replace('\0', '=')}`;
    case 'd':
      return `d ${body.toString().trimEnd()}`;
    default:
      return code;
  }
}

/** The outlines of several messages in one line: `1 | 2 | D 42 | C SELECT 1 | Z I`. */
export function summary(messages: readonly Message[]): string {
  return messages.map(outline).join(' | ');
}
