/** Checks a value that another process has sent: it has the type `Value` if this returns true. */
export type Guard<Value> = (value: unknown) => value is Value;

export function isString(value: unknown): value is string {
  return typeof value === 'string';
}

export function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

export function isBoolean(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** One of these strings. */
export function oneOf<const Value extends string>(values: readonly Value[]): Guard<Value> {
  return (value): value is Value => values.some((each) => each === value);
}

export function orNull<Value>(guard: Guard<Value>): Guard<Value | null> {
  return (value): value is Value | null => value === null || guard(value);
}

export function optional<Value>(guard: Guard<Value>): Guard<Value | undefined> {
  return (value): value is Value | undefined => value === undefined || guard(value);
}

export function listOf<Value>(guard: Guard<Value>): Guard<readonly Value[]> {
  return (value): value is readonly Value[] => Array.isArray(value) && value.every(guard);
}

/** An object with these properties; it can have others. */
export function objectOf<Value extends object>(guards: {
  readonly [Key in keyof Value]-?: Guard<Value[Key]>;
}): Guard<Value> {
  const entries = Object.entries<Guard<unknown>>(guards);
  return (value): value is Value =>
    isRecord(value) && entries.every(([key, guard]) => guard(value[key]));
}

/** The value of a JSON text; undefined if it is not JSON, or not of the expected type. */
export function parseJson<Value>(text: string, guard: Guard<Value>): Value | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return guard(value) ? value : undefined;
}
