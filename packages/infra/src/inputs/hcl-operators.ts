import { isRecord, stableJson } from '../values.ts';

/** An operand of the wrong type, as a sentence. */
export class OperandError extends Error {
  override readonly name = 'OperandError';
}

/** A number that JavaScript represents exactly, otherwise its digits, so that AWS gets them unchanged as text. */
export function exactNumber(text: string): number | string {
  const number = Number(text);
  return Number.isSafeInteger(number) || !/^-?\d+$/.test(text) ? number : text;
}

/** Converts as Terraform does: texts, numbers and booleans become text; nothing else does. */
export function toText(value: unknown): string {
  if (typeof value === 'number') {
    return /e/.test(String(value))
      ? value.toLocaleString('en', { useGrouping: false, maximumSignificantDigits: 17 })
      : String(value);
  }
  if (typeof value === 'string' || typeof value === 'boolean') {
    return String(value);
  }
  throw new OperandError(`${kindOf(value)} cannot be part of a string`);
}

export function toBoolean(value: unknown): boolean {
  if (value === true || value === 'true') {
    return true;
  }
  if (value === false || value === 'false') {
    return false;
  }
  throw new OperandError(`expected true or false, found ${kindOf(value)}`);
}

function toNumber(value: unknown): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number !== 'number' || Number.isNaN(number)) {
    throw new OperandError(`expected a number, found ${kindOf(value)}`);
  }
  return number;
}

/** The value as an integer of any size; undefined when it is a fraction. */
function toInteger(value: unknown): bigint | undefined {
  const number = toNumber(value);
  if (typeof value === 'string' && /^-?\d+$/.test(value)) {
    return BigInt(value);
  }
  return Number.isInteger(number) ? BigInt(number) : undefined;
}

/** Integers are computed exactly, whatever their size; fractions as in JavaScript. */
function arithmetic(
  whole: (left: bigint, right: bigint) => bigint | undefined,
  fraction: (left: number, right: number) => number,
): (left: unknown, right: unknown) => unknown {
  return (left, right) => {
    const [a, b] = [toInteger(left), toInteger(right)];
    const exact = a === undefined || b === undefined ? undefined : whole(a, b);
    return exact === undefined
      ? fraction(toNumber(left), toNumber(right))
      : exactNumber(String(exact));
  };
}

function nonZero(right: bigint | number): void {
  if (Number(right) === 0) {
    throw new OperandError('division by zero');
  }
}

export const negate = (operand: unknown): unknown => operators['subtract']?.(0, operand);

/** The binary operators of HCL, by the names that its parser gives them. */
export const operators: Readonly<Record<string, (left: unknown, right: unknown) => unknown>> = {
  add: arithmetic(
    (left, right) => left + right,
    (left, right) => left + right,
  ),
  subtract: arithmetic(
    (left, right) => left - right,
    (left, right) => left - right,
  ),
  multiply: arithmetic(
    (left, right) => left * right,
    (left, right) => left * right,
  ),
  divide: arithmetic(
    (left, right) => {
      nonZero(right);
      return left % right === 0n ? left / right : undefined;
    },
    (left, right) => {
      nonZero(right);
      return left / right;
    },
  ),
  modulo: arithmetic(
    (left, right) => {
      nonZero(right);
      return left % right;
    },
    (left, right) => {
      nonZero(right);
      return left % right;
    },
  ),
  // Values of different types are never equal: 1 is not "1".
  equal: (left, right) => stableJson(left) === stableJson(right),
  notEqual: (left, right) => stableJson(left) !== stableJson(right),
  lessThan: (left, right) => toNumber(left) < toNumber(right),
  lessThanOrEqual: (left, right) => toNumber(left) <= toNumber(right),
  greaterThan: (left, right) => toNumber(left) > toNumber(right),
  greaterThanOrEqual: (left, right) => toNumber(left) >= toNumber(right),
  logicalAnd: (left, right) => toBoolean(left) && toBoolean(right),
  logicalOr: (left, right) => toBoolean(left) || toBoolean(right),
};

/** The element of a list or map that an index or a name selects. */
export function element(value: unknown, key: unknown): unknown {
  if (Array.isArray(value)) {
    const index = toNumber(key);
    if (!Number.isInteger(index) || index < 0 || index >= value.length) {
      throw new OperandError(`there is no element ${String(key)} in a list of ${value.length}`);
    }
    return value[index] as unknown;
  }
  const name = toText(key);
  if (!isRecord(value)) {
    throw new OperandError(`${kindOf(value)} has no ${name}`);
  }
  if (!Object.hasOwn(value, name)) {
    throw new OperandError(`there is no key "${name}" in the map`);
  }
  return value[name];
}

/** The keys and values that a `for` iterates over: a list in its order, a map in the order of its keys. */
export function entriesOf(value: unknown): (readonly [key: unknown, value: unknown])[] {
  if (Array.isArray(value)) {
    return value.map((entry: unknown, index) => [index, entry] as const);
  }
  if (isRecord(value)) {
    return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  }
  throw new OperandError(`a for expression needs a list or a map, found ${kindOf(value)}`);
}

/** In Terraform, both results of a condition have one type: if one is a string, the other becomes a string. */
export function unified(chosen: unknown, other: unknown): unknown {
  return typeof other === 'string' && ['number', 'boolean'].includes(typeof chosen)
    ? toText(chosen)
    : chosen;
}

function kindOf(value: unknown): string {
  if (value === null) {
    return 'null';
  }
  if (Array.isArray(value)) {
    return 'a list';
  }
  return isRecord(value) ? 'a map' : JSON.stringify(value);
}
