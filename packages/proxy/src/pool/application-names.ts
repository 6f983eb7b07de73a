/** At most so many names are remembered; beyond that every application counts. */
const most = 1000;

/**
 * Names that applications give themselves (application_name). Digits do not tell two apart: many names hold a number of
 * the process or the connection.
 */
export class ApplicationNames {
  readonly #names = new Set<string>();

  get isEmpty(): boolean {
    return this.#names.size === 0;
  }

  has(name: string): boolean {
    if (this.#names.size === 0) return false;
    return this.#names.size >= most || this.#names.has(withoutDigits(name));
  }

  /** Returns false when it was there already. */
  add(name: string): boolean {
    if (this.has(name)) return false;
    this.#names.add(withoutDigits(name));
    return true;
  }
}

function withoutDigits(name: string): string {
  return name.replace(/\d+/g, '0');
}
