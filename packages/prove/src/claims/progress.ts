/** Shows the current step and the remaining time: on one line of a terminal, or line by line elsewhere. */
export class Progress {
  readonly #stream: NodeJS.WritableStream & {
    readonly isTTY?: boolean;
    readonly columns?: number;
  };
  /** The expected duration of each part, in seconds. */
  readonly #parts: ReadonlyMap<string, number>;
  readonly #done = new Set<string>();
  #part = '';
  #share = 0;
  #last = '';

  constructor(stream: NodeJS.WritableStream, parts: ReadonlyMap<string, number>) {
    this.#stream = stream;
    this.#parts = parts;
  }

  /** The remaining time according to the plan, in seconds. */
  get secondsLeft(): number {
    let left = 0;
    for (const [part, seconds] of this.#parts) {
      if (this.#done.has(part)) continue;
      left += part === this.#part ? seconds * (1 - this.#share) : seconds;
    }
    return left;
  }

  /** Begins a part. */
  start(part: string): void {
    if (this.#part !== '') this.#done.add(this.#part);
    this.#part = part;
    this.#share = 0;
  }

  /** Shows the current step; `share` of the part, from 0 to 1, is done. */
  show(text: string, share: number = this.#share): void {
    this.#share = Math.min(1, share);
    const left = Math.round(this.secondsLeft);
    const time = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')} left`;
    this.#write(`${time}  ${this.#part}: ${text}`);
  }

  /** Writes a permanent line. */
  note(text: string): void {
    this.#clear();
    this.#stream.write(`${text}\n`);
    this.#last = '';
  }

  /** Removes the line. */
  end(): void {
    this.#clear();
  }

  #write(line: string): void {
    if (this.#stream.isTTY === true) {
      const { columns = 0 } = this.#stream;
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
