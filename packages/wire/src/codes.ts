/**
 * Message codes of the PostgreSQL frontend/backend protocol, as byte values.
 * Source: PostgreSQL manual, section "Message Formats" (protocol 3.0 and 3.2).
 */

/** Messages that a client (frontend) sends. Startup-phase packets have no code byte. */
export const FrontendCode = {
  Bind: 0x42, // B
  Close: 0x43, // C
  CopyData: 0x64, // d
  CopyDone: 0x63, // c
  CopyFail: 0x66, // f
  Describe: 0x44, // D
  Execute: 0x45, // E
  Flush: 0x48, // H
  FunctionCall: 0x46, // F
  Parse: 0x50, // P
  Password: 0x70, // p (PasswordMessage, SASLInitialResponse, SASLResponse, GSSResponse)
  Query: 0x51, // Q
  Sync: 0x53, // S
  Terminate: 0x58, // X
} as const;

/** Messages that a database (backend) sends. */
export const BackendCode = {
  Authentication: 0x52, // R
  BackendKeyData: 0x4b, // K
  BindComplete: 0x32, // 2
  CloseComplete: 0x33, // 3
  CommandComplete: 0x43, // C
  CopyBothResponse: 0x57, // W
  CopyData: 0x64, // d
  CopyDone: 0x63, // c
  CopyInResponse: 0x47, // G
  CopyOutResponse: 0x48, // H
  DataRow: 0x44, // D
  EmptyQueryResponse: 0x49, // I
  ErrorResponse: 0x45, // E
  FunctionCallResponse: 0x56, // V
  NegotiateProtocolVersion: 0x76, // v
  NoData: 0x6e, // n
  NoticeResponse: 0x4e, // N
  NotificationResponse: 0x41, // A
  ParameterDescription: 0x74, // t
  ParameterStatus: 0x53, // S
  ParseComplete: 0x31, // 1
  PortalSuspended: 0x73, // s
  ReadyForQuery: 0x5a, // Z
  RowDescription: 0x54, // T
} as const;

/** The status byte of ReadyForQuery. */
export const TransactionStatus = {
  Idle: 0x49, // I: not in a transaction block
  InTransaction: 0x54, // T
  Failed: 0x45, // E: in a failed transaction block
} as const;

/** The first four bytes after the length of a startup-phase packet. */
export const StartupCode = {
  CancelRequest: 80877102,
  SslRequest: 80877103,
  GssEncRequest: 80877104,
  Protocol30: 196608,
  Protocol32: 196610,
} as const;

/** The Int32 that distinguishes the Authentication messages of a database. */
export const AuthenticationKind = {
  Ok: 0,
  Cleartext: 3,
  Md5: 5,
  Sasl: 10,
  SaslContinue: 11,
  SaslFinal: 12,
} as const;

/** The byte with which a server responds to SSLRequest and GSSENCRequest; an old one may send an ErrorResponse. */
export const EncryptionAnswer = {
  Accepted: 0x53, // S
  Declined: 0x4e, // N
  Error: 0x45, // E
} as const;

/** The first byte of a TLS record with a handshake message; no packet of the startup phase can begin with it. */
export const tlsHandshakeRecord = 0x16;
