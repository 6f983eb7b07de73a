import type { Message } from './messages.ts';

const codes = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));

/**
 * Splits the database's bytes into messages. While `discard` is set, it only counts the bodies, so that a test can read
 * more than fits into memory.
 */
export class MessageReader {
  /** The number of received bytes, including headers. */
  bytes = 0;
  discard = false;
  readonly #onMessage: (message: Message) => void;
  readonly #header = Buffer.alloc(5);
  #headerLength = 0;
  #body: Buffer[] = [];
  #missing = 0;

  constructor(onMessage: (message: Message) => void) {
    this.#onMessage = onMessage;
  }

  push(chunk: Buffer): void {
    this.bytes += chunk.length;
    let at = 0;
    while (at < chunk.length) {
      // Most messages come whole: their bodies are parts of the chunk, without a copy.
      if (this.#headerLength === 0 && !this.discard && chunk.length >= at + 5) {
        const end = at + 1 + chunk.readInt32BE(at + 1);
        if (end <= chunk.length && end >= at + 5) {
          this.#onMessage({ code: codes[chunk[at] ?? 0] ?? '', body: chunk.subarray(at + 5, end) });
          at = end;
          continue;
        }
      }
      if (this.#headerLength < 5) {
        const taken = chunk.copy(this.#header, this.#headerLength, at, at + 5 - this.#headerLength);
        this.#headerLength += taken;
        at += taken;
        if (this.#headerLength < 5) return;
        this.#missing = this.#header.readInt32BE(1) - 4;
      }
      const part = chunk.subarray(at, at + this.#missing);
      // Short messages are kept: a test that discards still has to see how the response ends.
      if (!this.discard || part.length < 100) this.#body.push(part);
      this.#missing -= part.length;
      at += part.length;
      if (this.#missing === 0) this.#finish();
    }
  }

  #finish(): void {
    const code = codes[this.#header[0] ?? 0] ?? '';
    const body = Buffer.concat(this.#body);
    this.#headerLength = 0;
    this.#body = [];
    if (this.discard && (code === 'D' || code === 'd')) return;
    this.#onMessage({ code, body });
  }
}
