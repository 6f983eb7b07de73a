import type { NameIndex } from './name-index.ts';

/**
 * What texts have in common that differ only in numbers and plain strings: what was found out about one of them holds
 * for all. See `TemplateCache`.
 */
export class Template {
  readonly hash: number;
  readonly #hasStrings: boolean;
  /** The names that were last looked for, and whether the texts may mention any of them. */
  #names: NameIndex<unknown> | null = null;
  #mayMention = false;

  constructor(hash: number, hasStrings: boolean) {
    this.hash = hash;
    this.#hasStrings = hasStrings;
  }

  /** `NameIndex.mayMention` for a text with this template. */
  mayMention(names: NameIndex<unknown>, bytes: Uint8Array, start: number, end: number): boolean {
    // A string may contain names.
    if (this.#hasStrings) return names.mayMention(bytes, start, end);
    if (this.#names !== names) {
      this.#mayMention = names.mayMention(bytes, start, end);
      this.#names = names;
    }
    return this.#mayMention;
  }
}
