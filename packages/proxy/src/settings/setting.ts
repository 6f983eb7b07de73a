/** What a row of the settings table says, whatever its type. */
interface Row {
  /** One or more sentences for docs/settings.md and the JSON Schema: what it does, and what its special values mean. */
  readonly doc: string;
  /** Given when another setting decides the default; says how. The value itself comes from `derivedDefaults`. */
  readonly defaultDoc?: string;
  /** Must be given: there is no default. */
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
  /** Never shown: not in a problem, not in a log. */
  readonly secret?: true;
  /** What the text has to look like, with the words for it. */
  readonly pattern?: { readonly regexp: RegExp; readonly doc: string };
}

/** The path of a file; a relative one starts at the folder of the settings file. */
interface FileRow extends Row {
  readonly type: 'file';
  readonly default?: string;
}

/** A row whose value is one word or number; only these can come from the environment. */
export type ScalarRow =
  IntegerRow | DurationRow | BytesRow | BooleanRow | EnumRow | StringRow | FileRow;

/** A list of records, each with the same fields. */
export interface ListRow extends Row {
  readonly type: 'list';
  readonly fields: Readonly<Record<string, ScalarRow>>;
  readonly default: readonly never[];
}

/** A setting that still works and will go; docs/versioning.md says how. */
export interface Deprecation {
  /** The version that deprecated it. */
  readonly since: string;
  /** The first version without it. */
  readonly removedIn: string;
  /** What to do, in words that fit after a semicolon: `use PoolSize`. */
  readonly instead: string;
}

/** A row of the settings table. */
export type Setting = (ScalarRow | ListRow) & {
  /** False: a change takes effect only when the proxy starts again. */
  readonly reloadable: boolean;
  /** The version that brought it. */
  readonly since: string;
  /** Given when it will go: whoever sets it is warned, and the docs and the JSON Schema say so. */
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

/** The object that a table of rows describes: a row that is neither required nor has a default may be absent. */
export type ValuesOf<T> = { readonly [K in Present<T>]: ValueOf<T[K]> } & {
  readonly [K in Exclude<keyof T, Present<T>>]?: ValueOf<T[K]>;
};

type GivenValueOf<R> = R extends { readonly fields: infer F } ? readonly GivenOf<F>[] : ScalarOf<R>;

type Required<T> = {
  [K in keyof T]: T[K] extends { readonly required: true } ? K : never;
}[keyof T];

/** What may be given for a table of rows: what has a default may be left out, inside of lists as well. */
export type GivenOf<T> = { readonly [K in Required<T>]: GivenValueOf<T[K]> } & {
  readonly [K in Exclude<keyof T, Required<T>>]?: GivenValueOf<T[K]>;
};
