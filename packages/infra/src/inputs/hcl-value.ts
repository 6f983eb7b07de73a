import { list, record } from '../values.ts';
import {
  element,
  entriesOf,
  exactNumber,
  negate,
  OperandError,
  operators,
  toBoolean,
  toText,
  unified,
} from './hcl-operators.ts';

/** A node of the syntax tree of HashiCorp's parser. */
export interface SyntaxNode {
  readonly type?: string;
  readonly meta?: unknown;
  readonly children: readonly SyntaxNode[];
  readonly range: {
    readonly start: { readonly line: number; readonly byte: number };
    readonly end: { readonly byte: number };
  };
}

/** An expression that an inputs file must not contain, with its line. */
export class HclValueError extends Error {
  override readonly name = 'HclValueError';
  readonly line: number;

  constructor(node: SyntaxNode, message: string) {
    super(message);
    this.line = node.range.start.line;
  }
}

/** The values of an object's attributes, by name, each with its line. */
export type Attributes = ReadonlyMap<string, { readonly value: unknown; readonly line: number }>;

/**
 * Evaluates a syntax tree as Terraform does in a tfvars file: it evaluates templates, operators, conditions, `for` and
 * indexes; there are no variables and no functions.
 */
export class HclEvaluator {
  readonly #source: Buffer;
  /** The variables of the enclosing `for` expressions. */
  #variables: ReadonlyMap<string, unknown> = new Map();
  /** The current element of a splat (`[*]`). */
  #element: { readonly value: unknown } | undefined;

  constructor(source: string) {
    this.#source = Buffer.from(source);
  }

  attributes(node: SyntaxNode): Attributes {
    const children = unwrapped(node.children, true);
    const found = new Map<string, { readonly value: unknown; readonly line: number }>();
    for (let index = 0; index + 1 < children.length; index += 2) {
      const [key, value] = [children[index], children[index + 1]];
      if (key !== undefined && value !== undefined) {
        const line = key.range.start.line;
        found.set(this.#key(key), { value: this.value(value), line });
      }
    }
    return found;
  }

  value(node: SyntaxNode): unknown {
    try {
      return this.#value(node);
    } catch (error) {
      throw error instanceof OperandError ? new HclValueError(node, error.message) : error;
    }
  }

  #value(node: SyntaxNode): unknown {
    const meta = record(node.meta);
    const children = unwrapped(node.children);
    const last = children.at(-1);
    if (isUntyped(node) && last !== undefined) {
      return this.value(last);
    }
    if (isUntyped(node) && this.#element !== undefined) {
      return this.#element.value;
    }
    switch (node.type) {
      case 'literalValue':
        return literal(meta, this.#isHeredoc(node));
      case 'template':
        return this.#template(node, children);
      case 'templateWrap':
        return this.#only(node, children);
      case 'templateJoin':
        return list(this.#only(node, children)).map(toText).join('');
      case 'tuple':
        return children.map((child) => this.value(child));
      case 'object':
        return Object.fromEntries(
          [...this.attributes(node)].map(([key, { value }]) => [key, value]),
        );
      case 'conditional': {
        const [condition, yes, no] = this.#operands(node, children, 3).map((child) =>
          this.value(child),
        );
        return toBoolean(condition) ? unified(yes, no) : unified(no, yes);
      }
      case 'unaryOp': {
        const operand = this.#only(node, children);
        return meta['operator'] === 'logicalNot' ? !toBoolean(operand) : negate(operand);
      }
      case 'binaryOp':
        return this.#binary(node, String(meta['operator']), children);
      case 'for':
        return this.#for(node, meta, children);
      case 'index': {
        const [of, key] = this.#operands(node, children, 2).map((child) => this.value(child));
        return element(of, key);
      }
      case 'relativeTraversal':
        return followed(this.#only(node, children), list(meta['traversal']));
      case 'splat':
        return this.#splat(node, children);
      case 'scopeTraversal':
        return this.#variable(node, meta);
      case 'function':
        throw new HclValueError(
          node,
          `${String(meta['name'])}() is a function call; an inputs file cannot call functions`,
        );
      default:
        throw new HclValueError(
          node,
          `${textOf(meta['value'])} cannot be evaluated in an inputs file`,
        );
    }
  }

  #operands(
    node: SyntaxNode,
    children: readonly SyntaxNode[],
    count: number,
  ): readonly SyntaxNode[] {
    if (children.length < count) {
      throw new HclValueError(node, 'the expression is incomplete');
    }
    return children;
  }

  #only(node: SyntaxNode, children: readonly SyntaxNode[]): unknown {
    const [child] = children;
    if (child === undefined) {
      throw new HclValueError(node, 'the expression is incomplete');
    }
    return this.value(child);
  }

  #key(node: SyntaxNode): string {
    return isUntyped(node) && node.children.length === 0
      ? this.#source.subarray(node.range.start.byte, node.range.end.byte).toString()
      : toText(this.value(node));
  }

  /** A variable of an enclosing `for`; there are no others. */
  #variable(node: SyntaxNode, meta: Readonly<Record<string, unknown>>): unknown {
    const [root, ...rest] = list(meta['traversal']);
    const name = String(record(root)['segment']);
    if (!this.#variables.has(name)) {
      throw new HclValueError(
        node,
        `${String(meta['value'])} is a variable; an inputs file cannot refer to variables (a string needs quotes)`,
      );
    }
    return followed(this.#variables.get(name), rest);
  }

  #for(
    node: SyntaxNode,
    meta: Readonly<Record<string, unknown>>,
    children: readonly SyntaxNode[],
  ): unknown {
    const toMap = meta['keyExpression'] !== undefined;
    const [over, first, second, third] = this.#operands(node, children, toMap ? 3 : 2);
    const [key, value, condition] = toMap ? [first, second, third] : [undefined, first, second];
    if (over === undefined || value === undefined) {
      throw new HclValueError(node, 'the for expression is incomplete');
    }
    const made: (readonly [key: string, value: unknown])[] = [];
    const around = this.#variables;
    for (const [index, entry] of entriesOf(this.value(over))) {
      this.#variables = new Map([
        ...around,
        ...(meta['keyVar'] === '' ? [] : [[String(meta['keyVar']), index] as const]),
        [String(meta['valVar']), entry],
      ]);
      if (condition === undefined || toBoolean(this.value(condition))) {
        made.push([key === undefined ? '' : toText(this.value(key)), this.value(value)]);
      }
    }
    this.#variables = around;
    return toMap ? mapOf(made, meta['groupedValue'] === true) : made.map(([, result]) => result);
  }

  #splat(node: SyntaxNode, children: readonly SyntaxNode[]): unknown {
    const [source, each] = this.#operands(node, children, 1);
    const value = source === undefined ? null : this.value(source);
    const elements = value === null ? [] : Array.isArray(value) ? list(value) : [value];
    const around = this.#element;
    const results = elements.map((entry) => {
      this.#element = { value: entry };
      return each === undefined ? entry : this.value(each);
    });
    this.#element = around;
    return results;
  }

  #template(node: SyntaxNode, children: readonly SyntaxNode[]): string {
    const written = String(record(node.meta)['value']);
    const heredoc = written.startsWith('<<');
    const indent = written.startsWith('<<-') ? indentOf(written) : 0;
    return children
      .map((child) =>
        child.type === 'literalValue' && record(child.meta)['type'] === 'string'
          ? this.#stripped(child, dedented(literal(record(child.meta), heredoc), indent))
          : this.value(child),
      )
      .map((value) => {
        try {
          return toText(value);
        } catch (error) {
          throw error instanceof OperandError ? new HclValueError(node, error.message) : error;
        }
      })
      .join('');
  }

  /** A `~` at the edge of a template sequence removes the white space next to it. */
  #stripped({ range }: SyntaxNode, value: unknown): unknown {
    const before = this.#source.subarray(range.start.byte - 2, range.start.byte).toString();
    const after = this.#source.subarray(range.end.byte, range.end.byte + 3).toString();
    const text = String(value);
    const left = before === '~}' ? text.trimStart() : text;
    return /^[$%]\{~/.test(after) ? left.trimEnd() : left;
  }

  #isHeredoc(node: SyntaxNode): boolean {
    return this.#source
      .subarray(node.range.start.byte, node.range.start.byte + 2)
      .equals(Buffer.from('<<'));
  }

  #binary(node: SyntaxNode, operator: string, children: readonly SyntaxNode[]): unknown {
    const [left, right] = this.#operands(node, children, 2).map((child) => this.value(child));
    const operation = operators[operator];
    if (operation === undefined) {
      throw new HclValueError(node, `there is no operator ${operator}`);
    }
    return operation(left, right);
  }
}

/** Evaluates `.name` and `[0]` after a value. */
function followed(value: unknown, traversal: readonly unknown[]): unknown {
  return traversal.map(record).reduce<unknown>((current, { type, segment }) => {
    const text = String(segment);
    const key =
      type === 'indexTraversal' && text.startsWith('"') ? (JSON.parse(text) as unknown) : text;
    return element(current, key);
  }, value);
}

/** The map of a `for`; with `...`, each key has the list of all its values. */
function mapOf(
  made: readonly (readonly [key: string, value: unknown])[],
  grouped: boolean,
): Record<string, unknown> {
  const groups = Map.groupBy(made, ([key]) => key);
  return Object.fromEntries(
    [...groups].map(([key, entries]) => {
      if (!grouped && entries.length > 1) {
        throw new OperandError(
          `two elements of the for expression have the key "${key}"; add ... after the value to group them`,
        );
      }
      const values = entries.map(([, value]) => value);
      return [key, grouped ? values : values[0]];
    }),
  );
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : 'this';
}

function isUntyped({ type }: SyntaxNode): boolean {
  return type === undefined || type === '';
}

/**
 * The nodes without those that only wrap the next one, such as parentheses and quoted keys. A name that is a key has no
 * type either, and no other node starts at its position.
 * @param keys whether the nodes may contain such names
 */
function unwrapped(nodes: readonly SyntaxNode[], keys = false): SyntaxNode[] {
  return list(nodes).flatMap((_, index) => {
    const node = nodes[index];
    const next = nodes[index + 1];
    if (node === undefined) {
      return [];
    }
    const wraps = keys
      ? next?.range.start.byte === node.range.start.byte
      : next !== undefined && node.children.length === 0;
    return isUntyped(node) && wraps ? [] : [node];
  });
}

function literal(meta: Readonly<Record<string, unknown>>, heredoc: boolean): unknown {
  const text = String(meta['value']);
  switch (meta['type']) {
    case 'number':
      return exactNumber(text);
    case 'bool':
      return text === 'true';
    case 'string':
      return templateText(text, heredoc);
    default:
      return text === 'null' ? null : text;
  }
}

/** The indent of a heredoc of the kind `<<-`: that of its least indented line. */
function indentOf(written: string): number {
  const lines = written.split('\n').slice(1, -1);
  const indents = lines.flatMap((line) =>
    line.trim() === '' ? [] : [line.length - line.trimStart().length],
  );
  return indents.length === 0 ? 0 : Math.min(...indents);
}

/** The parser has already removed the indent of the first line. */
function dedented(value: unknown, indent: number): unknown {
  return typeof value === 'string' && indent > 0
    ? value.replaceAll(`\n${' '.repeat(indent)}`, '\n')
    : value;
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '"': '"',
  '\\': '\\',
};

/** The text of a literal: `$${` and `%%{` are escapes; backslashes have a meaning only in quotes. */
function templateText(text: string, heredoc: boolean): string {
  const plain = text.replaceAll(/([$%])\1\{/g, '$1{');
  return heredoc
    ? plain
    : plain.replaceAll(
        /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/g,
        (all, short: string | undefined, long: string | undefined, letter: string | undefined) =>
          letter === undefined
            ? String.fromCodePoint(Number.parseInt(short ?? long ?? '', 16))
            : (escapes[letter] ?? all),
      );
}
