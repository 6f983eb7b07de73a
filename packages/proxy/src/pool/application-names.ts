/** The maximum number of stored names; beyond it, every application counts. */
const most = 1000;

/**
 * Names of applications (application_name), without digits, because many names contain the number of a process or a
 * connection.
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

  /** Returns false if the name was known. */
  add(name: string): boolean {
    if (this.has(name)) return false;
    this.#names.add(withoutDigits(name));
    return true;
  }
}

function withoutDigits(name: string): string {
  return name.replace(/\d+/g, '0');
}
