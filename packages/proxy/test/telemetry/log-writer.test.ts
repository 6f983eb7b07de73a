import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { LogWriter, logLoss } from '../../src/telemetry/log-writer.ts';

/** A log writer, and the pieces that it writes. */
class Reader {
  /** What was written, a piece for each write. */
  readonly pieces: string[] = [];
  readonly writer: LogWriter;
  #done: ((error: NodeJS.ErrnoException | null, written: number) => void) | null = null;

  constructor() {
    this.writer = new LogWriter(
      {
        descriptor: -1,
        write: (bytes, done) => {
          assert.equal(this.#done, null, 'one write at a time');
          this.pieces.push(bytes.toString());
          this.#done = done;
        },
      },
      (lines) => `lost ${lines}\n`,
    );
  }

  /** Completes the last write, by default with all of its bytes. */
  take(written = this.pieces.at(-1)?.length ?? 0): void {
    this.#settle(null, written);
  }

  fail(code: string): void {
    this.#settle(Object.assign(new Error(code), { code }), 0);
  }

  #settle(error: NodeJS.ErrnoException | null, written: number): void {
    const done = this.#done;
    assert(done !== null, 'nothing is being written');
    this.#done = null;
    done(error, written);
  }
}

suite('the log', () => {
  test('one write is pending at a time, and later lines follow in chunks of limited size', async () => {
    const log = new Reader();
    log.writer.write('a\n');
    log.writer.write('b\n');
    log.writer.write('c\n');
    const flushed = log.writer.flushed();
    assert.deepEqual(log.pieces, ['a\n']);
    log.take();
    assert.deepEqual(log.pieces, ['a\n', 'b\nc\n']);
    log.take();
    await flushed;
    const line = `${'x'.repeat(1023)}\n`;
    for (let count = 0; count < 200; count++) log.writer.write(line);
    log.take();
    assert.equal(log.pieces.at(-1)?.length, 64 * 1024);
    for (let rest = 199 - 64; rest > 0; rest -= 64) log.take();
    log.take();
    await log.writer.flushed();
    assert.equal(log.pieces.join('').length, 6 + 200 * 1024);
  });

  test('a partial write continues at its end', () => {
    const log = new Reader();
    log.writer.write('abcdef\n');
    log.take(3);
    assert.deepEqual(log.pieces, ['abcdef\n', 'def\n']);
    log.take();
  });

  test('lines above the limit are lost, counted, and reported', () => {
    const log = new Reader();
    const before = logLoss.lines;
    const line = `${'x'.repeat(1023)}\n`;
    log.writer.write('first\n');
    for (let count = 0; count < 1024 + 7; count++) log.writer.write(line);
    assert.equal(logLoss.lines, before + 7);
    log.take();
    assert.match(log.pieces.at(-1) ?? '', /^lost 7\nx/);
    // There is room again.
    log.writer.write('more\n');
    assert.equal(logLoss.lines, before + 7);
  });

  test('a full pipe is retried with the same bytes; on a full disk they are lost', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const log = new Reader();
    const before = logLoss.lines;
    log.writer.write('a\nb\n');
    log.fail('EAGAIN');
    log.writer.write('c\n');
    assert.equal(log.pieces.length, 1);
    t.mock.timers.tick(249);
    assert.equal(log.pieces.length, 1);
    t.mock.timers.tick(1);
    assert.deepEqual(log.pieces, ['a\nb\n', 'a\nb\n']);
    assert.equal(logLoss.lines, before);
    log.fail('ENOSPC');
    assert.equal(logLoss.lines, before + 2);
    t.mock.timers.tick(250);
    assert.deepEqual(log.pieces.slice(2), ['c\n']);
    log.take();
    assert.deepEqual(log.pieces.slice(3), ['lost 2\n']);
    log.take();
  });
});
