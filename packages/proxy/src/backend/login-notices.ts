import { BackendCode, bodyAt, buildMessage, parseErrorFields } from '@sluice/wire';
import { quoteText } from '../parameters/parameter-set.ts';

/** The maximum size of the notices of a login that are kept, in bytes. */
const most = 64 * 1024;

/** The severities of notices that PostgreSQL compares with `client_min_messages`, the lowest first. */
const severities = ['LOG', 'NOTICE', 'WARNING', 'ERROR'];

/** Stands for the zero byte between fields, which no text of PostgreSQL can have. */
const separator = 1;

/**
 * The SQL that converts notices to the encoding of a client, one column for each; null if that is unnecessary.
 * `from` and `to`: values of client_encoding.
 */
export function conversionSql(
  notices: readonly Buffer[],
  from: string | undefined,
  to: string | undefined,
): string | null {
  // PostgreSQL does not convert from or to SQL_ASCII.
  if (from === undefined || to === undefined || from === to) return null;
  if (from === 'SQL_ASCII' || to === 'SQL_ASCII') return null;
  const texts = notices.map((notice) => notice.subarray(bodyAt(0)));
  if (texts.every((text) => text.every((byte) => byte < 0x80))) return null;
  const calls = texts.map((text) => {
    const base64 = Buffer.from(text.map((byte) => (byte === 0 ? separator : byte))).toString(
      'base64',
    );
    return `pg_catalog.encode(pg_catalog.convert(pg_catalog.decode('${base64}','base64'),${quoteText(from)},${quoteText(to)}),'base64')`;
  });
  return `SET LOCAL statement_timeout=0;SELECT ${calls.join(',')}`;
}

/** The notices in the answer to `conversionSql`. */
export function convertedNotices(row: readonly (string | null)[]): Buffer[] {
  return row.map((base64) => {
    const text = Buffer.from(base64 ?? '', 'base64');
    return buildMessage(
      BackendCode.NoticeResponse,
      Buffer.from(text.map((byte) => (byte === separator ? 0 : byte))),
    );
  });
}

/** The notices that a client gets at its login. */
export interface NoticesOfClient {
  /** Before the first ParameterStatus: PostgreSQL sent them in the encoding of the database. */
  readonly beforeParameters: readonly Buffer[];
  /** After BackendKeyData, in the encoding of the client. */
  readonly afterKey: readonly Buffer[];
}

/**
 * The notices of one login at the database: warnings about settings of the role or database that PostgreSQL does not
 * accept or about a collation version, and what login event triggers raise. A later client whose login would be the
 * same gets the same.
 */
export class LoginNotices {
  readonly #beforeParameters: Buffer[] = [];
  readonly #afterKey: Buffer[] = [];
  #size = 0;

  /** The client_encoding of the login. */
  encoding: string | undefined;

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  /** Adds a complete NoticeResponse. `isAfterKey`: BackendKeyData preceded it. */
  add(message: Buffer, isAfterKey: boolean): void {
    if (this.#size + message.length > most) return;
    this.#size += message.length;
    // A copy: the rest of what was received with it need not be kept.
    (isAfterKey ? this.#afterKey : this.#beforeParameters).push(Buffer.from(message));
  }

  /**
   * The notices for a client whose startup packet has this value for `client_min_messages`. Undefined: it has none, and
   * PostgreSQL used the same value for the login.
   */
  forClient(minimum: string | undefined): NoticesOfClient {
    const level = severities.indexOf(minimum?.toUpperCase() ?? '');
    const isSent = (message: Buffer): boolean => {
      const { severity = '' } = parseErrorFields(message, bodyAt(0));
      return severity === 'INFO' || severities.indexOf(severity) >= level;
    };
    return {
      beforeParameters: this.#beforeParameters.filter(isSent),
      afterKey: this.#afterKey.filter(isSent),
    };
  }
}
