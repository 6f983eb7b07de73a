import { constants, fstatSync, openSync, write, writeSync } from 'node:fs';

/** The maximum number of log bytes that wait while standard error is blocked; further lines are lost, and counted. */
const mostWaiting = 1024 * 1024;

/** The maximum size of a write. */
const mostAtOnce = 64 * 1024;

/** The delay after an error (a full disk, a closed pipe), in milliseconds. */
const pause = 250;

/** The number of lost log lines since the process started. */
export const logLoss = { lines: 0 };

/**
 * Writes the log without waiting for the reader and without failing: one write is pending at a time, further lines wait
 * in bounded memory, and lines that do not fit or cannot be written are lost. The log reports the loss when it
 * continues.
 */
export class LogWriter {
  readonly #descriptor: number;
  readonly #write: WriteBytes;
  readonly #lossLine: (lines: number) => string;
  #waiting: string[] = [];
  #waitingBytes = 0;
  /** The bytes that are being written. */
  #current: Buffer | null = null;
  #isWriting = false;
  #timer: NodeJS.Timeout | null = null;
  #unreported = 0;
  /** Callbacks for when everything logged so far is written. */
  #emptied: (() => void)[] = [];

  /** `lossLine`: the line about lost lines. */
  constructor(
    { descriptor, write: writeBytes }: { readonly descriptor: number; readonly write: WriteBytes },
    lossLine: (lines: number) => string,
  ) {
    this.#descriptor = descriptor;
    this.#write = writeBytes;
    this.#lossLine = lossLine;
    process.once('exit', () => this.#writeLast());
  }

  write(line: string): void {
    if (this.#waitingBytes + line.length > mostWaiting) {
      this.#lose(1);
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    if (this.#current === null && this.#timer === null) this.#next();
  }

  /** Resolves when everything logged so far is written; never, while it cannot be. */
  flushed(): Promise<void> {
    if (this.#current === null && this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#emptied.push(resolve);
    });
  }

  #next(): void {
    if (this.#current === null) {
      const lines: string[] = [];
      let bytes = 0;
      while (lines.length < this.#waiting.length && bytes < mostAtOnce) {
        const line = this.#waiting[lines.length] ?? '';
        lines.push(line);
        bytes += line.length;
      }
      this.#waiting.splice(0, lines.length);
      this.#waitingBytes -= bytes;
      if (lines.length === 0) {
        for (const emptied of this.#emptied.splice(0)) emptied();
        return;
      }
      this.#current = Buffer.from(lines.join(''));
    }
    this.#isWriting = true;
    this.#write(this.#current, (error, written) => this.#written(error, written));
  }

  #written(error: NodeJS.ErrnoException | null, written: number): void {
    this.#isWriting = false;
    if (error !== null) {
      // Full at the moment: retries the same bytes. Otherwise they are lost, because half a line may have been written.
      if (error.code !== 'EAGAIN') {
        this.#lose(countLines(this.#current));
        this.#current = null;
      }
      this.#timer = setTimeout(() => {
        this.#timer = null;
        this.#next();
      }, pause);
      this.#timer.unref();
      return;
    }
    const current = this.#current;
    this.#current = current !== null && written < current.length ? current.subarray(written) : null;
    if (this.#current === null && this.#unreported > 0) {
      this.#waiting.unshift(this.#lossLine(this.#unreported));
      this.#waitingBytes += this.#waiting[0]?.length ?? 0;
      this.#unreported = 0;
    }
    this.#next();
  }

  #lose(lines: number): void {
    logLoss.lines += lines;
    this.#unreported += lines;
  }

  /** The process exits: writes what can be written immediately. */
  #writeLast(): void {
    // The pending bytes are not written twice.
    const current = this.#isWriting ? '' : (this.#current?.toString() ?? '');
    const rest = [current, ...this.#waiting].join('');
    if (rest === '') return;
    try {
      writeSync(this.#descriptor, rest);
    } catch {
      // The bytes are lost.
    }
  }
}

function countLines(bytes: Buffer | null): number {
  let lines = 0;
  for (const byte of bytes ?? []) if (byte === 0x0a) lines++;
  return lines;
}

/** Writes some or all of the bytes; the callback gets their number, or the error. */
export type WriteBytes = (
  bytes: Buffer,
  done: (error: NodeJS.ErrnoException | null, written: number) => void,
) => void;

/**
 * Standard error, written without blocking: neither a thread that is blocked in a write nor its process can be ended. A
 * pipe or a terminal is opened a second time for that, because other processes share the descriptor and do not expect
 * it to be non-blocking. Node.js writes to a socket without blocking, and a file never blocks.
 */
export function openStandardError(): { readonly descriptor: number; readonly write: WriteBytes } {
  const toDescriptor = (descriptor: number): ReturnType<typeof openStandardError> => ({
    descriptor,
    write: (bytes, done) => write(descriptor, bytes, done),
  });
  try {
    const is = fstatSync(2);
    if (is.isFIFO() || is.isCharacterDevice())
      return toDescriptor(
        openSync('/dev/stderr', constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY),
      );
    if (is.isSocket() && !('Bun' in globalThis))
      return {
        descriptor: 2,
        write: (bytes, done) => {
          process.stderr.write(bytes, (error) => done(error ?? null, bytes.length));
        },
      };
  } catch {
    // The path does not exist, or cannot be opened a second time.
  }
  return toDescriptor(2);
}
