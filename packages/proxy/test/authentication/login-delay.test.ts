import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { LoginDelay } from '../../src/authentication/login-delay.ts';

suite('the delay of failed logins', () => {
  test('doubles with each failure of one user from one address, up to ten seconds', () => {
    const delay = new LoginDelay();
    const delays = Array.from({ length: 12 }, () => delay.failed('10.0.0.1', 'ann'));
    assert.deepEqual(delays, [0, 0, 0, 250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
    assert.equal(delay.failed('10.0.0.1', 'eve'), 0);
    assert.equal(delay.failed('10.0.0.2', 'ann'), 0);
  });

  test('ends with a successful login', () => {
    const delay = new LoginDelay();
    for (let i = 0; i < 5; i++) delay.failed('10.0.0.1', 'ann');
    delay.succeeded('10.0.0.1', 'ann');
    assert.equal(delay.failed('10.0.0.1', 'ann'), 0);
  });

  test('also applies to an address that tries many users', () => {
    const delay = new LoginDelay();
    const delays = Array.from({ length: 33 }, (_, i) => delay.failed('10.0.0.1', `user ${i}`));
    assert.deepEqual(
      delays.slice(0, 30),
      Array.from({ length: 30 }, () => 0),
    );
    assert.deepEqual(delays.slice(30), [250, 500, 1000]);
  });

  test('ends after ten minutes without a failure', () => {
    let now = 0;
    const delay = new LoginDelay(() => now);
    for (let i = 0; i < 10; i++) delay.failed('10.0.0.1', 'ann');
    now = 10 * 60_000 + 1;
    assert.equal(delay.failed('10.0.0.1', 'ann'), 0);
  });

  test('many addresses take no more memory than so many: the oldest is forgotten', () => {
    const delay = new LoginDelay();
    const other = (from: number, to: number): void => {
      for (let at = from; at < to; at++) delay.failed(`address ${at}`, 'eve');
    };
    for (let i = 0; i < 5; i++) delay.failed('10.0.0.1', 'ann');
    // Two entries for each.
    other(0, 9000);
    assert.equal(delay.failed('10.0.0.1', 'ann'), 1000);
    other(9000, 19_000);
    assert.equal(delay.failed('10.0.0.1', 'ann'), 0);
  });
});
