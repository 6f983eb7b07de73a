import { buildMessage, buildPacket, int32, text } from './build.ts';
import {
  AuthenticationKind,
  BackendCode,
  EncryptionAnswer,
  FrontendCode,
  StartupCode,
  TransactionStatus,
} from './codes.ts';

// --- Messages of a database ---

/** AuthenticationOk (B): Byte1('R') Int32(8) Int32(0). */
export const authenticationOk = buildMessage(
  BackendCode.Authentication,
  int32(AuthenticationKind.Ok),
);

/** AuthenticationCleartextPassword (B): Byte1('R') Int32(8) Int32(3). */
export const authenticationCleartext = buildMessage(
  BackendCode.Authentication,
  int32(AuthenticationKind.Cleartext),
);

/** AuthenticationMD5Password (B): Byte1('R') Int32(12) Int32(5), Byte4 salt. */
export function buildAuthenticationMd5(salt: Buffer): Buffer {
  return buildMessage(BackendCode.Authentication, int32(AuthenticationKind.Md5), salt);
}

/** AuthenticationSASL (B): Byte1('R') Int32 length, Int32(10), String mechanism ..., zero byte. */
export function buildAuthenticationSasl(mechanisms: readonly string[]): Buffer {
  return buildMessage(
    BackendCode.Authentication,
    int32(AuthenticationKind.Sasl),
    ...mechanisms.map((name) => text(name)),
    Buffer.from([0]),
  );
}

/** AuthenticationSASLContinue (B): Byte1('R') Int32 length, Int32(11), Byten data. */
export function buildSaslContinue(data: string): Buffer {
  return buildMessage(
    BackendCode.Authentication,
    int32(AuthenticationKind.SaslContinue),
    Buffer.from(data),
  );
}

/** AuthenticationSASLFinal (B): Byte1('R') Int32 length, Int32(12), Byten data. */
export function buildSaslFinal(data: string): Buffer {
  return buildMessage(
    BackendCode.Authentication,
    int32(AuthenticationKind.SaslFinal),
    Buffer.from(data),
  );
}

/** ParameterStatus (B): Byte1('S') Int32 length, String name, String value; both as bytes, one character per byte. */
export function buildParameterStatus(name: string, value: string): Buffer {
  return buildMessage(BackendCode.ParameterStatus, text(name, 'latin1'), text(value, 'latin1'));
}

/** BackendKeyData (B): Byte1('K') Int32 length, Int32 process id, Byten secret (4 bytes in 3.0, up to 256 in 3.2). */
export function buildBackendKeyData(processId: number, secret: Buffer): Buffer {
  return buildMessage(BackendCode.BackendKeyData, int32(processId), secret);
}

/**
 * NegotiateProtocolVersion (B): Byte1('v') Int32 length, Int32 version, Int32 n, String[n] unknown options. The manual
 * calls the version "newest minor protocol version"; PostgreSQL sends, and libpq expects, the major version in the
 * upper half as well, as in a startup packet.
 */
export function buildNegotiateProtocolVersion(version: number, unknown: readonly string[]): Buffer {
  return buildMessage(
    BackendCode.NegotiateProtocolVersion,
    int32(version),
    int32(unknown.length),
    ...unknown.map((name) => text(name)),
  );
}

/** ReadyForQuery (B): Byte1('Z') Int32(5) Byte1 status. */
export const readyForQueryIdle = buildMessage(
  BackendCode.ReadyForQuery,
  Buffer.from([TransactionStatus.Idle]),
);

export const readyForQueryFailed = buildMessage(
  BackendCode.ReadyForQuery,
  Buffer.from([TransactionStatus.Failed]),
);

/** CommandComplete (B): Byte1('C') Int32 length, String tag. */
export const rollbackComplete = buildMessage(BackendCode.CommandComplete, text('ROLLBACK'));

export const parseComplete = buildMessage(BackendCode.ParseComplete);
export const bindComplete = buildMessage(BackendCode.BindComplete);
export const noData = buildMessage(BackendCode.NoData);
/** ParameterDescription (B): Byte1('t') Int32(6) Int16(0): the statement has no parameters. */
export const noParameters = buildMessage(BackendCode.ParameterDescription, Buffer.from([0, 0]));
export const closeComplete = buildMessage(BackendCode.CloseComplete);

/** The response to SSLRequest or GSSENCRequest: Byte1('S') or Byte1('N'). */
export const encryptionAccepted = Buffer.from([EncryptionAnswer.Accepted]);
export const encryptionDeclined = Buffer.from([EncryptionAnswer.Declined]);

// --- Messages of a client ---

/** SSLRequest (F): Int32(8) Int32(80877103). */
export const sslRequest = buildPacket(StartupCode.SslRequest);

/** CancelRequest (F): Int32 length, Int32(80877102), Int32 process id, Byten secret. */
export function buildCancelRequest(processId: number, secret: Buffer): Buffer {
  return buildPacket(StartupCode.CancelRequest, int32(processId), secret);
}

/**
 * StartupMessage (F): Int32 length, Int32 version, then String name and String value of each parameter, then a zero
 * byte. Names and values are bytes, one character per byte: PostgreSQL does not convert them.
 */
export function buildStartup(
  version: number,
  parameters: Iterable<readonly [string, string]>,
): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of parameters) parts.push(text(name, 'latin1'), text(value, 'latin1'));
  return buildPacket(version, ...parts, Buffer.from([0]));
}

/** PasswordMessage (F): Byte1('p') Int32 length, String password. */
export function buildPassword(password: string): Buffer {
  return buildMessage(FrontendCode.Password, text(password));
}

/** SASLInitialResponse (F): Byte1('p') Int32 length, String mechanism, Int32 length of data, Byten data. */
export function buildSaslInitial(mechanism: string, data: string): Buffer {
  const bytes = Buffer.from(data);
  return buildMessage(FrontendCode.Password, text(mechanism), int32(bytes.length), bytes);
}

/** SASLResponse (F): Byte1('p') Int32 length, Byten data. */
export function buildSaslResponse(data: string): Buffer {
  return buildMessage(FrontendCode.Password, Buffer.from(data));
}

/** Query (F): Byte1('Q') Int32 length, String query. With `latin1` each character of `sql` is one byte. */
export function buildQuery(sql: string, encoding: 'utf8' | 'latin1' = 'utf8'): Buffer {
  return buildMessage(FrontendCode.Query, text(sql, encoding));
}

/** Parse (F): Byte1('P') Int32 length, String name, String query, Int16(0): without parameter types. */
export function buildParse(name: string | Buffer, query: string | Buffer): Buffer {
  return buildMessage(FrontendCode.Parse, text(name), text(query), Buffer.from([0, 0]));
}

/** Describe (F): Byte1('D') Int32 length, Byte1('S'), String name. */
export function buildDescribeStatement(name: string): Buffer {
  return buildMessage(FrontendCode.Describe, text(`S${name}`));
}

/** Close (F): Byte1('C') Int32 length, Byte1('S'), String name. */
export function buildCloseStatement(name: string | Buffer): Buffer {
  return buildMessage(FrontendCode.Close, Buffer.from('S'), text(name));
}

export const closeUnnamedStatement = buildCloseStatement('');
export const flushMessage = buildMessage(FrontendCode.Flush);
export const syncMessage = buildMessage(FrontendCode.Sync);
export const terminateMessage = buildMessage(FrontendCode.Terminate);

/** Bind (F): Byte1('B') Int32 length, String portal, String statement; no values, results in text format. */
export function buildBind(portal: string, statement: string): Buffer {
  return buildMessage(FrontendCode.Bind, text(portal), text(statement), Buffer.alloc(6));
}

/** Execute (F): Byte1('E') Int32 length, String portal, Int32(0): all rows. */
export function buildExecute(portal: string): Buffer {
  return buildMessage(FrontendCode.Execute, text(portal), int32(0));
}

/** Close (F): Byte1('C') Int32 length, Byte1('P'), String name. */
export function buildClosePortal(name: string): Buffer {
  return buildMessage(FrontendCode.Close, text(`P${name}`));
}
