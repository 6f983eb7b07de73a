/** A word of pg_hba.conf or pg_ident.conf; a quoted one is never a keyword. */
export interface HbaWord {
  readonly text: string;
  readonly isQuoted: boolean;
}

/** A field: words separated by commas. */
export type HbaField = readonly HbaWord[];

/** A line that is not empty; a backslash at its end continues it in the next line. */
export interface HbaLine {
  /** From 1. */
  readonly line: number;
  readonly fields: readonly HbaField[];
}

/** Parses the lines of such a file. Throws an Error with the line number if a quoted string is not terminated. */
export function readHbaLines(text: string): HbaLine[] {
  const lines: HbaLine[] = [];
  const given = text.split(/\r?\n/);
  for (let at = 0; at < given.length; at++) {
    const line = at + 1;
    let whole = given[at] ?? '';
    while (whole.endsWith('\\') && at + 1 < given.length)
      whole = whole.slice(0, -1) + (given[++at] ?? '');
    const fields = readFields(whole, line);
    if (fields.length > 0) lines.push({ line, fields });
  }
  return lines;
}

/** What may be between fields, and the part of a word that is not quoted. Sticky: they match at `lastIndex` only. */
const space = /\s+/y;
const unquoted = /[^\s,#"]+/y;

function readFields(text: string, line: number): HbaField[] {
  const fields: HbaWord[][] = [];
  let at = 0;
  let goesOn = false;
  for (;;) {
    at += matchAt(space, text, at).length;
    const char = text.charAt(at);
    if (char === '' || char === '#') break;
    // A comma joins the words around it, with or without white space.
    if (char === ',') {
      goesOn = fields.length > 0;
      at++;
      continue;
    }
    const { word, end } = readWord(text, at, line);
    if (goesOn) fields.at(-1)?.push(word);
    else fields.push([word]);
    goesOn = false;
    at = end;
  }
  return fields;
}

/** A word ends at white space or a comma; it may contain quotes anywhere, as in `"a b"c` or `key="value"`. */
function readWord(
  text: string,
  start: number,
  line: number,
): { readonly word: HbaWord; readonly end: number } {
  let at = start;
  let word = '';
  for (;;) {
    if (text.charAt(at) === '"') {
      const { part, end } = readQuoted(text, at + 1, line);
      word += part;
      at = end;
      continue;
    }
    const part = matchAt(unquoted, text, at);
    if (part === '') break;
    word += part;
    at += part.length;
  }
  return { word: { text: word, isQuoted: text.charAt(start) === '"' }, end: at };
}

/** The text from `start` to the closing quote; two quotes stand for one. */
function readQuoted(
  text: string,
  start: number,
  line: number,
): { readonly part: string; readonly end: number } {
  let at = start;
  let part = '';
  for (;;) {
    const end = text.indexOf('"', at);
    if (end < 0) throw new Error(`line ${line}: a quoted string is not terminated`);
    part += text.slice(at, end);
    at = end + 1;
    if (text.charAt(at) !== '"') return { part, end: at };
    part += '"';
    at++;
  }
}

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}
