/** Unchecked input with its position, from YAML, the environment or objects. */
export type Given = GivenScalar | GivenList | GivenRecord;

export interface GivenScalar {
  readonly kind: 'scalar';
  readonly where: string;
  readonly value: unknown;
}

export interface GivenList {
  readonly kind: 'list';
  readonly where: string;
  readonly items: readonly Given[];
}

export interface GivenRecord {
  readonly kind: 'record';
  readonly where: string;
  readonly entries: readonly GivenEntry[];
}

export interface GivenEntry {
  readonly name: string;
  /** The position of the name; that of the value is in `value`. */
  readonly where: string;
  readonly value: Given;
}

/** A plain object as if it were written at `where`; undefined properties are ignored. */
export function givenObject(object: Readonly<Record<string, unknown>>, where: string): GivenRecord {
  return {
    kind: 'record',
    where,
    entries: Object.entries(object)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => ({ name, where, value: givenValue(value, where) })),
  };
}

function givenValue(value: unknown, where: string): Given {
  if (Array.isArray(value)) {
    return { kind: 'list', where, items: value.map((item: unknown) => givenValue(item, where)) };
  }
  if (typeof value === 'object' && value !== null) {
    return givenObject({ ...value }, where);
  }
  return { kind: 'scalar', where, value };
}
