declare const kind: unique symbol;

/**
 * An integer of one kind: a plain number, or an integer of another kind, does not compile in its place. At run time it
 * is a plain integer.
 */
export type Distinct<Kind extends string, Value extends number = number> = Value & {
  readonly [kind]: Kind;
};

type Named<Kind extends string, Values extends Record<string, number>> = {
  readonly [Name in keyof Values]: Distinct<Kind, Values[Name]>;
};

/** The integers of one kind, by name. */
export function distinct<Kind extends string>(): <const Values extends Record<string, number>>(
  values: Values,
) => Named<Kind, Values> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- this is where integers become distinct
  return (values) => values as Named<Kind, typeof values>;
}

/** An integer that is known to be of a kind: it was read from a table of that kind, or computed from such integers. */
export function as<Kind extends string>(value: number): Distinct<Kind> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- this is where integers become distinct
  return value as Distinct<Kind>;
}

/** Bits of one kind together, as a mask. */
export function mask<Kind extends string>(...bits: readonly Distinct<Kind>[]): Distinct<Kind> {
  return as<Kind>(bits.reduce<number>((all, bit) => all | bit, 0));
}

/** The bits of both. */
export function union<Kind extends string>(
  one: Distinct<Kind>,
  other: Distinct<Kind>,
): Distinct<Kind> {
  return as<Kind>(one | other);
}

/** Whether any of the bits is set. */
export function has<Kind extends string>(set: Distinct<Kind>, bits: Distinct<Kind>): boolean {
  return (set & bits) !== 0;
}

/** The bits of the first that are not in the second. */
export function without<Kind extends string>(
  set: Distinct<Kind>,
  bits: Distinct<Kind>,
): Distinct<Kind> {
  return as<Kind>(set & ~bits);
}
