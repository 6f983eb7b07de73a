/**
 * The maximum recursion depth of PostgreSQL's parser and the code that walks its tree. The WebAssembly build overflows
 * at about 1,000 nested SELECTs; its results after that cannot be trusted.
 */
const deepestNesting = 400;

/** Longer sequences of operator characters take quadratic time in the parser's lexer. */
export const longestRun = 256;

/** The maximum number of operators in a text: the parser's tree takes most time and memory for them. */
const mostOperators = 4096;

/** Operators and clause names that nest when repeated: `a + b + c`, `not not a`. */
const tokens =
  /"(?:[^"]|"")*"|'\?'|[a-z_\x80-\xff][\w$\x80-\xff]*|[~!@#^&|`?+\-*/%<>=]+|::|[()[\],;]/g;
const chains = new Set(['not', 'collate', 'at', 'is', 'isnull', 'notnull', 'operator']);
const clauses = new Set(['union', 'intersect', 'except', 'join', 'case', 'else', 'select', 'with']);
const separators = new Set([',', 'and', 'or']);

/** One level of parentheses. */
interface Level {
  /** Clauses since it opened. */
  clauses: number;
  /** Operators since the last separator, and the maximum between two. */
  operators: number;
  most: number;
  /** The depth of the deepest level that was opened and closed in it. */
  inner: number;
}

const depthOf = (level: Level): number =>
  level.clauses + Math.max(level.most, level.operators) + level.inner + 1;

/** Whether a normalized text has too many operators for the parser, or is nested too deeply. */
export function isTooDeep(normalized: string): boolean {
  return nestingOf(normalized) > deepestNesting;
}

/**
 * The number of operators in a sequence of operator characters, at most. Signs at its end are an operator each, unless
 * a character that no standard operator has precedes them (manual, "Operators").
 */
function operatorsIn(run: string): number {
  let at = run.length;
  while (run[at - 1] === '+' || run[at - 1] === '-') at--;
  return run.length - at + Math.min(at, 1);
}

/**
 * An upper bound of the depth of the parse tree of this normalized text; Infinity if it has too many operators. AND and
 * OR do not count, because the parser creates one flat list for them, as for items between commas.
 */
function nestingOf(normalized: string): number {
  const levels: Level[] = [];
  let level: Level = { clauses: 0, operators: 0, most: 0, inner: 0 };
  let deepest = 0;
  let total = 0;
  for (const [token] of normalized.matchAll(tokens)) {
    if (token === '(' || token === '[') {
      levels.push(level);
      if (levels.length > deepestNesting) return levels.length;
      level = { clauses: 0, operators: 0, most: 0, inner: 0 };
    } else if (token === ')' || token === ']') {
      const outer = levels.pop();
      if (outer === undefined) continue;
      outer.inner = Math.max(outer.inner, depthOf(level));
      level = outer;
    } else if (token === ';' && levels.length === 0) {
      deepest = Math.max(deepest, depthOf(level));
      level = { clauses: 0, operators: 0, most: 0, inner: 0 };
    } else if (separators.has(token)) {
      level.most = Math.max(level.most, level.operators);
      level.operators = 0;
    } else if (clauses.has(token)) {
      level.clauses += 1;
    } else if (chains.has(token) || /^[^\w"'$]/.test(token)) {
      const operators = operatorsIn(token);
      level.operators += operators;
      total += operators;
      if (total > mostOperators || token.length > longestRun) return Infinity;
    }
  }
  return Math.max(deepest, depthOf(level), ...levels.map(depthOf));
}
