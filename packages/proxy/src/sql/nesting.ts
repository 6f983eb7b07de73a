/**
 * The maximum recursion depth of PostgreSQL's parser and the code that walks its tree. The WebAssembly build overflows
 * at about 1,000 nested SELECTs; its results after that cannot be trusted.
 */
export const deepestNesting = 400;

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

/**
 * An upper bound of the depth of the parse tree of this normalized text. AND and OR do not count, because the parser
 * creates one flat list for them, as for items between commas.
 */
export function nestingOf(normalized: string): number {
  const levels: Level[] = [];
  let level: Level = { clauses: 0, operators: 0, most: 0, inner: 0 };
  let deepest = 0;
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
      level.operators += 1;
    }
  }
  return Math.max(deepest, depthOf(level), ...levels.map(depthOf));
}
