import { caught } from './guard.ts';
import type { TransportHandler } from './transport.ts';

/** A handler that does nothing, for those that care for a part of what happens. */
export class QuietHandler implements TransportHandler {
  onData(_bytes: Buffer): void {
    // Nobody wants them.
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
    // Nobody waits for it.
  }

  broken(error: unknown): void {
    caught('a connection', error);
  }
}

/** For a transport that nobody is interested in any more. */
export const nobody: TransportHandler = new QuietHandler();
