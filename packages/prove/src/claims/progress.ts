/** Shows on one line of a terminal, or line by line elsewhere, what is going on and how long all of it will still take. */
export class Progress {
  readonly #stream: NodeJS.WritableStream & { readonly isTTY?: boolean };
  /** Seconds that each part is expected to take. */
  readonly #parts: ReadonlyMap<string, number>;
  readonly #done = new Set<string>();
  #part = '';
  #share = 0;
  #last = '';

  constructor(stream: NodeJS.WritableStream, parts: ReadonlyMap<string, number>) {
    this.#stream = stream;
    this.#parts = parts;
  }

  /** Seconds that are left, by what is planned. */
  get secondsLeft(): number {
    let left = 0;
    for (const [part, seconds] of this.#parts) {
      if (this.#done.has(part)) continue;
      left += part === this.#part ? seconds * (1 - this.#share) : seconds;
    }
    return left;
  }

  /** Enters a part. */
  start(part: string): void {
    if (this.#part !== '') this.#done.add(this.#part);
    this.#part = part;
    this.#share = 0;
  }

  /** Tells what happens now; `share` of the part, 0 to 1, is done. */
  tell(text: string, share: number = this.#share): void {
    this.#share = Math.min(1, share);
    const left = Math.round(this.secondsLeft);
    const time = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')} left`;
    this.#write(`${time}  ${this.#part}: ${text}`);
  }

  /** A line that stays. */
  note(text: string): void {
    this.#clear();
    this.#stream.write(`${text}\n`);
    this.#last = '';
  }

  /** Takes the line away. */
  end(): void {
    this.#clear();
  }

  #write(line: string): void {
    if (this.#stream.isTTY === true) {
      const { columns = 0 } = this.#stream as { columns?: number };
      // A terminal that does not know its width says 0.
      const width = columns > 0 ? columns : 80;
      this.#stream.write(`\r\u001B[K${line.slice(0, width - 1)}`);
    } else if (line.replace(/^\S+ left/, '') !== this.#last.replace(/^\S+ left/, '')) {
      this.#stream.write(`${line}\n`);
    }
    this.#last = line;
  }

  #clear(): void {
    if (this.#stream.isTTY === true) this.#stream.write('\r\u001B[K');
  }
}
