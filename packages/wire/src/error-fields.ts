import { BackendCode } from './codes.ts';
import { buildMessage, text } from './build.ts';
import { bodyAt } from './frame.ts';

/** The fields of an ErrorResponse or NoticeResponse (manual, "Error and Notice Message Fields"). */
export interface ErrorFields {
  /** S and V; ERROR, FATAL, PANIC, WARNING, NOTICE, ... Default ERROR. */
  readonly severity?: string;
  /** C: five characters. */
  readonly sqlstate: string;
  /** M */
  readonly message: string;
  /** D */
  readonly detail?: string;
  /** H */
  readonly hint?: string;
  /** P: the position in the statement, in characters from 1. */
  readonly position?: string;
  /** R: the routine in PostgreSQL's source, which distinguishes errors with the same SQLSTATE. */
  readonly routine?: string;
}

/** ErrorResponse (B): Byte1('E') Int32 length, then for each field Byte1 type and String value, then a zero byte. */
export function buildErrorResponse(fields: ErrorFields): Buffer {
  return buildMessage(BackendCode.ErrorResponse, buildFields(fields));
}

/** NoticeResponse (B): as ErrorResponse, with the code 'N'. */
export function buildNoticeResponse(fields: ErrorFields): Buffer {
  return buildMessage(BackendCode.NoticeResponse, buildFields(fields));
}

function buildFields(fields: ErrorFields): Buffer {
  const severity = fields.severity ?? 'ERROR';
  const parts = [
    text(`S${severity}`),
    text(`V${severity}`),
    text(`C${fields.sqlstate}`),
    text(`M${fields.message}`),
  ];
  if (fields.detail !== undefined) parts.push(text(`D${fields.detail}`));
  if (fields.hint !== undefined) parts.push(text(`H${fields.hint}`));
  if (fields.position !== undefined) parts.push(text(`P${fields.position}`));
  if (fields.routine !== undefined) parts.push(text(`R${fields.routine}`));
  parts.push(Buffer.from([0]));
  return Buffer.concat(parts);
}

/** The maximum number of fields that are read; PostgreSQL has 18 kinds. */
const mostFields = 64;

/** The maximum number of bytes that are read of one field: what decides anything is short. */
const longestField = 64 * 1024;

/** Parses the body of an ErrorResponse or NoticeResponse, `buffer[start, end)`. Ignores unknown fields. */
export function parseErrorFields(buffer: Buffer, start = 0, end = buffer.length): ErrorFields {
  const values = new Map<string, string>();
  let at = start;
  for (let fields = 0; fields < mostFields && at < end && buffer[at] !== 0; fields++) {
    const stop = buffer.indexOf(0, at);
    if (stop < 0 || stop >= end) break;
    const from = at + 1;
    const to = Math.min(stop, from + longestField);
    values.set(String.fromCharCode(buffer[at] ?? 0), buffer.toString('utf8', from, to));
    at = stop + 1;
  }
  const optional = (
    name: 'detail' | 'hint' | 'position' | 'routine',
    type: string,
  ): Partial<ErrorFields> => {
    const value = values.get(type);
    return value === undefined ? {} : { [name]: value };
  };
  return {
    // V is never translated, S may be; V exists since PostgreSQL 9.6.
    severity: values.get('V') ?? values.get('S') ?? 'ERROR',
    sqlstate: values.get('C') ?? 'XX000',
    message: values.get('M') ?? '',
    ...optional('detail', 'D'),
    ...optional('hint', 'H'),
    ...optional('position', 'P'),
    ...optional('routine', 'R'),
  };
}

/** The fields of the ErrorResponse or NoticeResponse `buffer[at, end)`, a complete message. */
export function readErrorMessage(buffer: Buffer, at: number, end: number): ErrorFields {
  return parseErrorFields(buffer, bodyAt(at), end);
}

/** The type of the position field. */
const positionField = 0x50; // P

/** The ErrorResponse or NoticeResponse with another position. */
export function withPosition(message: Buffer, position: number): Buffer {
  const parts: Buffer[] = [];
  let at = bodyAt(0);
  while (at < message.length && message[at] !== 0) {
    const end = message.indexOf(0, at) + 1;
    if (end === 0) break;
    parts.push(message[at] === positionField ? text(`P${position}`) : message.subarray(at, end));
    at = end;
  }
  return buildMessage(message[0] ?? 0, ...parts, Buffer.alloc(1));
}
