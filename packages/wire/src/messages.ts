import { BackendCode, FrontendCode, TransactionStatus } from './codes.ts';
export interface ErrorFields { readonly severity?: string; readonly sqlstate: string; readonly message: string; readonly detail?: string; readonly hint?: string }
const msg = (code: number, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  const b = Buffer.alloc(5 + body.length); b[0] = code; b.writeUInt32BE(4 + body.length, 1); body.copy(b, 5); return b;
};
const z = (s: string): Buffer => Buffer.from(s + '\0');
export const authenticationOk = msg(BackendCode.Authentication, Buffer.from([0, 0, 0, 0]));
export const buildParameterStatus = (n: string, v: string): Buffer => msg(BackendCode.ParameterStatus, z(n), z(v));
export const buildBackendKeyData = (pid: number, key: Buffer): Buffer => { const p = Buffer.alloc(4); p.writeInt32BE(pid); return msg(BackendCode.BackendKeyData, p, key); };
export const readyForQueryIdle = msg(BackendCode.ReadyForQuery, Buffer.from([TransactionStatus.Idle]));
export const parseComplete = msg(BackendCode.ParseComplete);
export const closeComplete = msg(BackendCode.CloseComplete);
export const buildQuery = (sql: string): Buffer => msg(FrontendCode.Query, z(sql));
export const syncMessage = msg(FrontendCode.Sync);
export const terminateMessage = msg(FrontendCode.Terminate);
export const buildDescribeStatement = (n: string): Buffer => msg(FrontendCode.Describe, z('S' + n));
export const buildCloseStatement = (n: string): Buffer => msg(FrontendCode.Close, z('S' + n));
export const closeUnnamedStatement = buildCloseStatement('');
export const buildErrorResponse = (f: ErrorFields): Buffer => msg(BackendCode.ErrorResponse, z('S' + (f.severity ?? 'ERROR')), z('V' + (f.severity ?? 'ERROR')), z('C' + f.sqlstate), z('M' + f.message), ...(f.detail ? [z('D' + f.detail)] : []), ...(f.hint ? [z('H' + f.hint)] : []), Buffer.from([0]));
export const parseErrorFields = (b: Buffer, s: number, e: number): ErrorFields => {
  const o: Record<string, string> = {};
  for (let at = s; at < e && b[at] !== 0;) { const n = b.indexOf(0, at); o[String.fromCharCode(b[at] ?? 0)] = b.toString('utf8', at + 1, n); at = n + 1; }
  return { severity: o['V'] ?? o['S'] ?? 'ERROR', sqlstate: o['C'] ?? 'XX000', message: o['M'] ?? '', ...(o['D'] ? { detail: o['D'] } : {}), ...(o['H'] ? { hint: o['H'] } : {}) };
};
