import { Lexer } from './lexer.ts';

/*
 * Whether the code of a function or block shows everything that it runs. PL/pgSQL and SQL name what they call, except
 * in dynamic SQL (EXECUTE). So code is understood if each of its statements begins with a word that is known to have no
 * side effects; what the statements name is checked elsewhere.
 */

/** Longer code is not analyzed, in bytes. */
const longestCode = 256 * 1024;

const lexer = new Lexer(longestCode, '1');

/** SQL statements without side effects, except through what they name. */
const plainStatements = [
  'select',
  'insert',
  'update',
  'delete',
  'merge',
  'values',
  'table',
  'with',
  'lock',
  'notify',
  'truncate',
  'copy',
  'call',
];

const sqlStatements = new Set([...plainStatements, 'return', 'begin', 'atomic', 'end']);

/**
 * Words that begin a PL/pgSQL statement without side effects (manual, "PL/pgSQL", "Basic Statements" and following).
 */
const blockStatements = new Set([
  ...plainStatements,
  'assert',
  'case',
  'close',
  'commit',
  'continue',
  'elsif',
  'elseif',
  'end',
  'exit',
  'fetch',
  'for',
  'foreach',
  'get',
  'if',
  'move',
  'null',
  'open',
  'perform',
  'raise',
  'return',
  'rollback',
  'when',
  'while',
]);

/** Words after which a PL/pgSQL statement begins. */
const openers = new Set(['begin', 'then', 'else', 'loop', 'exception']);

/** SET of these ends with the transaction. */
const harmlessSets = new Set(['local', 'transaction', 'constraints']);

/** What code shows. */
export const Shown = {
  /** Every statement is of a kind without side effects, except through what it names. */
  Everything: 'everything',
  /** It has dynamic SQL, or a statement that may have side effects that a reset removes. */
  Unclear: 'unclear',
  /** It loads a library, which a reset does not remove. */
  Loads: 'loads',
} as const;
export type Shown = (typeof Shown)[keyof typeof Shown];

const token = /[a-z_\u0080-\u00ff][\w$\u0080-\u00ff]*|"(?:[^"]|"")*"|:=|<<|>>|[^ ]/g;

/** Analyzes the body of a function in this language, without its quotes. */
export function readCode(language: 'sql' | 'plpgsql', body: Buffer): Shown {
  // Whether \' ends a string depends on standard_conforming_strings at run time.
  if (body.length > longestCode || body.includes("\\'")) return Shown.Unclear;
  lexer.scan(body, 0, body.length);
  if (lexer.reason !== undefined || lexer.needsText || !lexer.normalized.isWhole)
    return Shown.Unclear;
  const normalized = lexer.normalized.bytes.toString('latin1', 0, lexer.normalized.length);
  return language === 'sql' ? readStatements(normalized) : readBlock(normalized);
}

function readStatements(normalized: string): Shown {
  let atStart = true;
  for (const word of tokensOf(normalized)) {
    if (word === ';') atStart = true;
    else if (word === 'execute' || word === 'hold') return Shown.Unclear;
    else if (atStart && word !== '(') {
      if (word === 'load') return Shown.Loads;
      if (!sqlStatements.has(word)) return Shown.Unclear;
      // BEGIN ATOMIC
      atStart = word === 'begin' || word === 'atomic';
    }
  }
  return Shown.Everything;
}

function readBlock(normalized: string): Shown {
  const words = tokensOf(normalized);
  let atStart = true;
  let declares = false;
  /** Open CASE … END expressions: their THEN and ELSE begin no statement. */
  let cases = 0;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    const next = words[at + 1] ?? '';
    if (word === 'execute' || word === 'hold') return Shown.Unclear;
    if (word === ';') {
      atStart = true;
      cases = 0;
    } else if (!atStart) {
      if (word === 'case') cases++;
      else if (word === 'end' && cases > 0) cases--;
      else if (cases === 0 && openers.has(word)) atStart = !declares && words[at - 1] !== 'raise';
    } else if (word === 'declare') declares = true;
    else if (word === 'begin') declares = false;
    else if (declares) atStart = false;
    else if (word === '<<') {
      // <<label>>
      if (words[at + 2] !== '>>') return Shown.Unclear;
      at += 2;
    } else if (openers.has(word)) continue;
    else if (word === 'load') return Shown.Loads;
    else if (blockStatements.has(word) || (word === 'set' && harmlessSets.has(next))) {
      atStart = false;
    } else if ([':=', '=', '.', '['].includes(next) || word === '$') atStart = false;
    else if (word === '#')
      // #variable_conflict use_column
      at += 2;
    else return Shown.Unclear;
  }
  return Shown.Everything;
}

function tokensOf(normalized: string): string[] {
  return normalized.match(token) ?? [];
}
