import { classifyBytes } from './classifier.ts';
import { Lexer } from './lexer.ts';

/** The longest normalized query, in bytes. */
const longestNormalized = 1024;

/** The maximum number of bytes of a text that are scanned: lists of constants are long and shrink. */
const longestRead = 64 * 1024;

const lexer = new Lexer(longestNormalized, '?', true);

/** The first words of statements: the only part that is shown of a text that cannot be parsed. */
const verbs = new Set(
  `abort alter analyze begin call checkpoint close cluster comment commit copy create deallocate declare delete discard
   do drop end execute explain fetch grant import insert listen load lock merge move notify prepare reassign refresh
   reindex release reset revoke rollback savepoint security select set show start table truncate unlisten update vacuum
   values with`.split(/\s+/),
);

/**
 * The statement without literals, for counters and logs: strings become '?', numbers ?, parameters $1, lists of
 * constants their first element, and comments are removed. Truncated to 1 KiB. Of a text that cannot be parsed, only
 * the first word is shown, because a supposed name may be part of a secret; and nothing is shown after a literal whose
 * end is uncertain. The text begins at `start`, and ends at a zero byte or at the end of the received bytes.
 */
export function normalizedAt(buffer: Buffer, start: number): string {
  const end = buffer.indexOf(0, start);
  return normalizedOf(buffer, start, end < 0 ? buffer.length : end);
}

/** As `normalizedAt`, for the text in `buffer[start, end)`. */
export function normalizedOf(buffer: Buffer, start: number, end: number): string {
  const unread = classifyBytes(buffer, start, end).reason;
  lexer.scan(buffer, start, Math.min(end, start + longestRead));
  const { normalized, reason } = lexer;
  const text = normalized.bytes.toString('utf8', 0, Math.min(normalized.length, longestNormalized));
  if (unread === 'syntax' || unread === 'zero byte' || unread === 'parser') {
    const [verb = ''] = text.split(' ', 1);
    return verbs.has(verb) ? `${verb}…` : '…';
  }
  const isAll = normalized.isWhole && reason === undefined && end - start <= longestRead;
  return withoutMadeNames(isAll ? text : `${text}…`);
}

/** Five digits in a row, or eight hexadecimal ones, are generated: a counter, an address, a part of a UUID. */
const made = /\d{5}|[0-9a-f]{8}/;

/** Generated names (`_django_curs_140229016_1`) become one name; otherwise each would be a separate query. */
function withoutMadeNames(text: string): string {
  return text.replace(/[\w$]+/g, (name) =>
    made.test(name) ? name.replace(/[0-9a-f]+/g, (run) => (/\d/.test(run) ? '?' : run)) : name,
  );
}
