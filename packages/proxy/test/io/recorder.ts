import type { Transport, TransportHandler } from '../../src/io/transport.ts';

/** Records the events of a transport in order. */
export class Recorder implements TransportHandler {
  /** The events in order; consecutive data is one event. */
  readonly events: string[] = [];
  readonly chunks: Buffer[] = [];
  readonly errors: (Error & { readonly code?: string })[] = [];
  length = 0;
  /** Called with each event before it is recorded. */
  on: (event: string) => void = () => undefined;
  #wake: () => void = () => undefined;

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  onData(bytes: Buffer): void {
    this.chunks.push(bytes);
    this.length += bytes.length;
    this.#keep('data');
  }

  onDrain(): void {
    this.#keep('drain');
  }

  onEnd(): void {
    this.#keep('end');
  }

  onError(error: Error): void {
    this.errors.push(error);
    this.#keep('error');
  }

  onClose(): void {
    this.#keep('close');
  }

  broken(error: unknown): void {
    this.events.push(`broken: ${String(error)}`);
    this.#wake();
  }

  #keep(event: string): void {
    if (event !== 'data' || this.events.at(-1) !== 'data') this.events.push(event);
    this.#wake();
    this.on(event);
  }

  /** Resolves when the condition holds. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async received(bytes: number): Promise<void> {
    await this.until(() => this.length >= bytes);
  }

  async saw(event: string): Promise<void> {
    await this.until(() => this.events.includes(event));
  }
}

/** Sets a recorder as the handler. */
export function record(transport: Transport): Recorder {
  const recorder = new Recorder();
  transport.handler = recorder;
  return recorder;
}
