import { caught } from './guard.ts';
import type { TransportHandler } from './transport.ts';

/** A handler that ignores all events: a base class for handlers of some of them. */
export class QuietHandler implements TransportHandler {
  onData(_bytes: Buffer): void {
    // Ignored.
  }

  onDrain(): void {
    // A handler that writes little does not wait.
  }

  onEnd(): void {
    // `onClose` follows.
  }

  onError(_error: Error): void {
    // `onClose` follows.
  }

  onClose(): void {
    // Ignored.
  }

  broken(error: unknown): void {
    caught('a connection', error);
  }
}

/** The handler of a transport whose events no longer matter. */
export const ignoring: TransportHandler = new QuietHandler();
