/** The parameters that a text's meaning hangs on, as a session had them. */
export interface Meaning {
  /** Equal for two under which the text means the same. */
  readonly key: string;
  /** By name; null: nobody had set it. */
  readonly values: readonly (readonly [name: string, value: string | null])[];
}

/** Under what a text is read that was sent a moment ago: it may take an answer to know. */
export interface ReadUnder {
  /** Null: that is not known, or not yet. */
  readonly meaning: Meaning | null;
}

/** Of a text that means the same at any time, or of which nobody knows. */
export const readUnderAny: ReadUnder = { meaning: null };
