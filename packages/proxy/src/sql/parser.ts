import { setFlagsFromString } from 'node:v8';
import { hasSqlDetails, loadModule, parseSync } from 'libpg-query';

/** A node of PostgreSQL's parse tree, as JSON: one key that names its type, or a plain struct. */
export type TreeNode = { readonly [key: string]: unknown };

/** One statement of a text, with its position. */
export interface ParsedStatement {
  /** The node's type, such as `SelectStmt`. */
  readonly type: string;
  readonly node: TreeNode;
  /** First byte of the statement, white space included. */
  readonly start: number;
  /** Its length in bytes; 0 means up to the end of the text. */
  readonly length: number;
}

/** The result of parsing: the statements, or why there are none. */
export type Parsed = readonly ParsedStatement[] | 'syntax' | 'parser';

let ready = false;

/**
 * Loads PostgreSQL's parser (WebAssembly). Until it is loaded, every text is opaque.
 *
 * V8 optimizes functions that are used often. One function of the parser is so large that its optimization took 580 MB
 * for half a second, once in the life of a process, and made a parse take 15 instead of 20 microseconds. So it is
 * disabled.
 */
export async function loadParser(): Promise<void> {
  if (!('Bun' in globalThis)) {
    setFlagsFromString('--no-wasm-tier-up');
    setFlagsFromString('--no-wasm-dynamic-tiering');
  }
  await loadModule();
  ready = true;
}

/**
 * Parses SQL as PostgreSQL does with standard_conforming_strings on. The caller must limit length and nesting (see
 * nesting.ts): a parser that ran out of stack is not used again.
 */
export function parse(sql: string): Parsed {
  if (!ready) return 'parser';
  // The package throws on an empty text, which has no statements.
  if (sql === '') return [];
  let tree: unknown;
  try {
    tree = parseSync(sql);
  } catch (error) {
    if (hasSqlDetails(error)) return 'syntax';
    // Out of stack or memory: the module's own stack was not unwound, so its further results are unreliable.
    ready = false;
    return 'parser';
  }
  const statements: ParsedStatement[] = [];
  for (const entry of listOf(nodeOf(tree)['stmts'])) {
    const raw = nodeOf(entry);
    const [typed] = Object.entries(nodeOf(raw['stmt']));
    if (typed === undefined) continue;
    statements.push({
      type: typed[0],
      node: nodeOf(typed[1]),
      start: numberOf(raw['stmt_location']),
      length: numberOf(raw['stmt_len']),
    });
  }
  return statements;
}

const emptyNode: TreeNode = Object.freeze({});
const emptyList: readonly unknown[] = Object.freeze([]);

/** The value as a node; an empty one if the tree has none (protobuf omits defaults). */
export function nodeOf(value: unknown): TreeNode {
  return isNode(value) ? value : emptyNode;
}

function isNode(value: unknown): value is TreeNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value as a list, empty if the tree has none. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : emptyList;
}

/** The value as a number, 0 if the tree has none. */
export function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

/** The value as a string, if it is one. */
export function stringOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
