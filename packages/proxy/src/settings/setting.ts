/** The common part of a row in the settings table. */
interface Row {
  /**
   * One or more sentences for docs/settings.md and the JSON Schema: the meaning of the setting and of its special
   * values.
   */
  readonly doc: string;
  /** Describes a default that depends on another setting. The value itself comes from `derivedDefaults`. */
  readonly defaultDoc?: string;
  /** There is no default. */
  readonly required?: true;
}

interface NumberRow extends Row {
  readonly min: number;
  readonly max: number;
}

/** A whole number; `unit` is a plural noun or `percent`. */
interface IntegerRow extends NumberRow {
  readonly type: 'integer';
  readonly unit?: string;
  readonly default?: number;
}

/** Seconds; fractions are allowed. */
interface DurationRow extends NumberRow {
  readonly type: 'duration';
  readonly default?: number;
}

/** A whole number of bytes. */
interface BytesRow extends NumberRow {
  readonly type: 'bytes';
  readonly default?: number;
}

interface BooleanRow extends Row {
  readonly type: 'boolean';
  readonly default?: boolean;
}

interface EnumRow extends Row {
  readonly type: 'enum';
  readonly values: readonly string[];
  readonly default?: string;
}

interface StringRow extends Row {
  readonly type: 'string';
  readonly default?: string;
  /** Never shown in a problem or in the log. */
  readonly secret?: true;
  /** The required format, with a description. */
  readonly pattern?: { readonly regexp: RegExp; readonly doc: string };
}

/** The path of a file, relative to the directory of the settings file. */
interface FileRow extends Row {
  readonly type: 'file';
  readonly default?: string;
}

/** A row with a scalar value; only these can come from the environment. */
export type ScalarRow =
  IntegerRow | DurationRow | BytesRow | BooleanRow | EnumRow | StringRow | FileRow;

/** A list of records, each with the same fields. */
export interface ListRow extends Row {
  readonly type: 'list';
  readonly fields: Readonly<Record<string, ScalarRow>>;
  readonly default: readonly never[];
}

/** A deprecated setting; see docs/versioning.md. */
export interface Deprecation {
  /** The version that deprecated it. */
  readonly since: string;
  /** The first version without it. */
  readonly removedIn: string;
  /** The alternative, as a phrase after a semicolon: `use PoolSize`. */
  readonly instead: string;
}

/** A row of the settings table. */
export type Setting = (ScalarRow | ListRow) & {
  /** False: a change needs a restart. */
  readonly reloadable: boolean;
  /** The version that introduced it. */
  readonly since: string;
  /** Set if it will be removed: the user gets a warning, and the docs and the JSON Schema say so. */
  readonly deprecated?: Deprecation;
};

type ScalarOf<R> = R extends { readonly type: 'integer' | 'duration' | 'bytes' }
  ? number
  : R extends { readonly type: 'boolean' }
    ? boolean
    : R extends { readonly values: readonly (infer V)[] }
      ? V
      : string;

type ValueOf<R> = R extends { readonly fields: infer F } ? readonly ValuesOf<F>[] : ScalarOf<R>;

type Present<T> = {
  [K in keyof T]: T[K] extends
    { readonly required: true } | { readonly default: unknown } | { readonly defaultDoc: string }
    ? K
    : never;
}[keyof T];

/** The object type of a table of rows: a row that is neither required nor has a default may be absent. */
export type ValuesOf<T> = { readonly [K in Present<T>]: ValueOf<T[K]> } & {
  readonly [K in Exclude<keyof T, Present<T>>]?: ValueOf<T[K]>;
};

type GivenValueOf<R> = R extends { readonly fields: infer F } ? readonly GivenOf<F>[] : ScalarOf<R>;

type Required<T> = {
  [K in keyof T]: T[K] extends { readonly required: true } ? K : never;
}[keyof T];

/** The input type of a table of rows: a value with a default is optional, also inside lists. */
export type GivenOf<T> = { readonly [K in Required<T>]: GivenValueOf<T[K]> } & {
  readonly [K in Exclude<keyof T, Required<T>>]?: GivenValueOf<T[K]>;
};
