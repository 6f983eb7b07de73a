import type { Change } from '../plan/changes.ts';
import type { StackEvent } from './toolkit-host.ts';
import { usualTime } from './usual-times.ts';

/** How often a long wait reports that it is still waiting, in milliseconds. */
const heartbeat = 30_000;

/**
 * Shows the progress of a deployment: first the tasks with their usual times, then the start and end of each, with the
 * time since the start. Only adds lines, so that the log of a build server reads as well as a terminal.
 */
export class Progress {
  readonly #write: (line: string) => void;
  readonly #now: () => number;
  readonly #started: number;
  readonly #tasks = new Map<string, { readonly type: string; began?: number; done: boolean }>();
  readonly #timer: NodeJS.Timeout;
  /** The first failures, in order; later ones result from the rollback. */
  readonly failures: StackEvent[] = [];
  #began = false;

  constructor(write: (line: string) => void, now: () => number = Date.now) {
    this.#write = write;
    this.#now = now;
    this.#started = now();
    this.#timer = setInterval(() => this.#noteWaiting(), heartbeat);
    // A missing end() must not keep the process alive.
    this.#timer.unref();
  }

  /** Whether CloudFormation has started. */
  get began(): boolean {
    return this.#began;
  }

  /** The tasks ahead. */
  begin(changes: readonly Change[]): void {
    for (const { id, type, action } of changes) {
      this.#tasks.set(id, { type, done: false });
      const usual = action === 'remove' ? undefined : usualTime(type);
      this.#write(`  ${action.padEnd(7)} ${type} ${id}${usual === undefined ? '' : ` (${usual})`}`);
    }
  }

  event(event: StackEvent): void {
    const { id, type, status, reason } = event;
    this.#began = true;
    const task = this.#tasks.get(id);
    if (status.endsWith('_FAILED') && reason !== undefined && !/cancelled/i.test(reason)) {
      this.failures.push(event);
    }
    if (task !== undefined && status.endsWith('_IN_PROGRESS')) {
      // The same event arrives twice: when it starts, and when the resource has a physical id.
      if (task.began !== undefined && !status.startsWith('DELETE') && !/ROLLBACK/.test(status)) {
        return;
      }
      task.began ??= this.#now();
    }
    if (task !== undefined && status.endsWith('_COMPLETE')) {
      task.done = true;
    }
    const done = [...this.#tasks.values()].filter((one) => one.done).length;
    const count = this.#tasks.size === 0 ? '' : `[${done}/${this.#tasks.size}] `;
    const why = reason === undefined || status.endsWith('_COMPLETE') ? '' : `: ${reason}`;
    this.note(`${count}${status} ${type} ${id}${why}`);
  }

  /** Writes a line with the time since the start. */
  note(text: string): void {
    this.#write(`${elapsed(this.#now() - this.#started).padStart(7)}  ${text}`);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #noteWaiting(): void {
    for (const [id, { type, began, done }] of this.#tasks) {
      if (began !== undefined && !done) {
        const usual = usualTime(type);
        this.note(
          `still waiting for ${type} ${id}: ${elapsed(this.#now() - began)}${usual === undefined ? '' : `, ${usual}`}`,
        );
      }
    }
  }
}

/** `75000` is `1m15s`. */
export function elapsed(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
