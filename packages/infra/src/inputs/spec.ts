/** The two proxies that can stand between clients and the database. */
export type Engine = 'rds-proxy' | 'sluice';

/** One input: its name, its type and its meaning. Docs, flags, parsing and types are derived from it. */
export interface InputSpec {
  readonly type: 'string' | 'integer' | 'boolean' | 'map' | 'strings' | 'objects';
  /** What it means, one or two sentences. */
  readonly doc: string;
  /** Whether it must be given. An input that is neither required nor has a default is optional. */
  readonly required?: true;
  /** Whether a value that is given by mistake may be secret: messages do not repeat it. */
  readonly sensitive?: true;
  readonly default?:
    string | number | boolean | readonly string[] | Readonly<Record<string, string>>;
  /** Smallest and largest value of an integer, or number of entries of a map; the maximum length of a string. */
  readonly min?: number;
  readonly max?: number;
  readonly unit?: string;
  /** The only permitted values. */
  readonly choices?: readonly (string | number)[];
  /** What a string must match, and how a message describes it. */
  readonly pattern?: { readonly expression: RegExp; readonly shape: string };
  /** The engine that it applies to; both if absent. */
  readonly engine?: Engine;
  /** The fields of each object, for type `objects`. */
  readonly fields?: Readonly<Record<string, InputSpec>>;
}

type Plain<S extends InputSpec> = S extends { readonly choices: readonly (infer C)[] }
  ? C
  : S['type'] extends 'string'
    ? string
    : S['type'] extends 'integer'
      ? number
      : S['type'] extends 'boolean'
        ? boolean
        : S['type'] extends 'map'
          ? Readonly<Record<string, string>>
          : S['type'] extends 'strings'
            ? readonly string[]
            : S extends { readonly fields: infer F extends Readonly<Record<string, InputSpec>> }
              ? readonly ValuesOf<F>[]
              : never;

/** The type of the values that a table of specs describes. */
export type ValuesOf<T extends Readonly<Record<string, InputSpec>>> = {
  readonly [K in keyof T]: T[K] extends
    | { readonly required: true }
    | { readonly default: NonNullable<InputSpec['default']> }
    | { readonly type: 'objects' }
    ? Plain<T[K]>
    : Plain<T[K]> | undefined;
};
