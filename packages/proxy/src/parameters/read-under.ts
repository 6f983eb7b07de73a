/** The parameters that determine the meaning of a text, as a session had them. */
export interface Meaning {
  /** Equal if the text has the same meaning. */
  readonly key: string;
  /** By name; null: not set. */
  readonly values: readonly (readonly [name: string, value: string | null])[];
}

/** The parameters for parsing a text that was just sent; it may take a reply to know them. */
export interface ReadUnder {
  /** Null: unknown, or not known yet. */
  readonly meaning: Meaning | null;
}

/** For a text whose meaning does not depend on parameters, or is unknown. */
export const readUnderAny: ReadUnder = { meaning: null };
