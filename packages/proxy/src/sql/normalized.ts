import { classifyBytes } from './classifier.ts';
import { Lexer } from './lexer.ts';

/** Longest shape that is given out, in bytes. */
const longestNormalized = 1024;

/** Bytes of a text that are looked at for its shape: lists of constants take many and give few. */
const longestRead = 64 * 1024;

const lexer = new Lexer(longestNormalized, '?', true);

/** The first words of statements: all that is shown of a text that cannot be read. */
const verbs = new Set(
  `abort alter analyze begin call checkpoint close cluster comment commit copy create deallocate declare delete discard
   do drop end execute explain fetch grant import insert listen load lock merge move notify prepare reassign refresh
   reindex release reset revoke rollback savepoint security select set show start table truncate unlisten update vacuum
   values with`.split(/\s+/),
);

/**
 * The statement without any literal, for counters and logs: strings become '?', numbers ?, parameters $1,
 * lists of constants their first, comments vanish. Cut to 1 KiB. Of a text that cannot be read no more than its first word
 * is given, since what looks like a name may be half a secret; and nothing behind a literal of which it is not certain
 * where it ends. The text begins at `start`, and goes up to a zero byte or to the end of what has come.
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

/** Five digits in a row, or eight hexadecimal ones, are a program's: a counter, an address, a piece of a UUID. */
const made = /\d{5}|[0-9a-f]{8}/;

/** Names that a program has made up (`_django_curs_140229016_1`) are one name, or each would be a statement of its own. */
function withoutMadeNames(text: string): string {
  return text.replace(/[\w$]+/g, (name) =>
    made.test(name) ? name.replace(/[0-9a-f]+/g, (run) => (/\d/.test(run) ? '?' : run)) : name,
  );
}
