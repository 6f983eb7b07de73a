import assert from 'node:assert/strict';
import type { Driver, Matrix, Way } from './matrix.ts';

/** Every valid login, or a sample of them, succeeds with this method, as the right database user. */
export async function checkWelcome(
  matrix: Matrix,
  way: Way,
  driver: Driver,
  isSample = false,
): Promise<void> {
  let count = 0;
  for (const { attempt, who } of await matrix.welcome(way, isSample)) {
    if (attempt.binding && !driver.canBind) continue;
    const attempted = `${attempt.user}, ${attempt.tls ? 'TLS' : 'no TLS'}`;
    assert.deepEqual(
      [attempted, await driver.logIn(attempt, matrix.place(way))],
      [attempted, { user: who }],
    );
    count++;
  }
  assert.ok(count > 0);
}

/** Every invalid login fails: the client gets the SQLSTATE, and the log the reason. */
export async function checkDenials(matrix: Matrix, way: Way, driver: Driver): Promise<void> {
  const proxy = matrix.proxy(way);
  for (const { title, attempt, sqlstate, why } of await matrix.denials(way)) {
    const before = proxy.log.length;
    const outcome = await driver.logIn(attempt, matrix.place(way));
    assert.ok('sqlstate' in outcome, `${title}: came in`);
    if (driver.reportsSqlstate)
      assert.equal(outcome.sqlstate, sqlstate, `${title}: ${outcome.message}`);
    if (!/requires TLS/.test(why.source)) assert.doesNotMatch(outcome.message, why, title);
    const line = await proxy.logged(
      (line) =>
        line.msg === 'client login failed' &&
        line['user'] === attempt.user &&
        line['sqlstate'] === sqlstate &&
        typeof line['address'] === 'string' &&
        why.test(`${String(line['why'])} ${String(line['message'])}`) &&
        proxy.log.indexOf(line) >= before,
    );
    assert.ok(outcome.message.includes(String(line['message'])), outcome.message);
  }
}
