import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { StsVerifier } from '../../src/authentication/sts-verifier.ts';
import type { StsSettings } from '../../src/authentication/sts-verifier.ts';
import { portOf } from '../sockets.ts';

const caller = 'arn:aws:sts::123456789012:assumed-role/job/session';
const role = 'arn:aws:iam::123456789012:role/job';

/** A signed request of 15 minutes, with these parameters over its own. */
function requestOf(parameters: Readonly<Record<string, string>> = {}): string {
  const url = new URL('https://sts.eu-west-3.amazonaws.com/');
  const date = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const all = {
    Action: 'GetCallerIdentity',
    Version: '2011-06-15',
    'X-Amz-Date': date,
    'X-Amz-Expires': '900',
    'X-Amz-SignedHeaders': 'host',
    'X-Amz-Signature': '0',
    ...parameters,
  };
  for (const [name, value] of Object.entries(all)) url.searchParams.set(name, value);
  return url.href;
}

/** A server in place of AWS, with the given responses. */
async function startAws(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<StsSettings> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const port = portOf(server);
  return { endpoint: `http://127.0.0.1:${port}`, audience: '' };
}

const nowhere: StsSettings = { endpoint: 'http://127.0.0.1:9', audience: '' };

suite('StsVerifier', () => {
  test('other requests than a signed GetCallerIdentity are refused without AWS', async () => {
    const verifier = new StsVerifier();
    const good = requestOf();
    for (const [given, why] of [
      ['a password', 'it is not a signed request'],
      [good.replace('https:', 'http:'), 'it is not a request to AWS STS'],
      [good.replace('.com/', '.com/path'), 'it is not a request to AWS STS'],
      [good.replace('.com/', '.com:444/'), 'it is not a request to AWS STS'],
      [good.replace('https://', 'https://user@'), 'it is not a request to AWS STS'],
      [good.replace('.com/', '.com.evil.org/'), /evil\.org is not an AWS STS host/],
      [good.replace('sts.', 'xsts.'), /is not an AWS STS host/],
      [requestOf({ Action: 'AssumeRole' }), 'it is not a GetCallerIdentity request'],
      [requestOf({ Other: 'x' }), 'it is not a GetCallerIdentity request'],
      [`${good}&X-Amz-Expires=1`, 'it has a duplicate parameter'],
      [requestOf({ 'X-Amz-Date': 'soon' }), 'the request has no expiry'],
      [requestOf({ 'X-Amz-Date': '20200101T000000Z' }), 'the request has expired'],
      [requestOf({ 'X-Amz-Expires': '960' }), 'the request is valid for more than 15 minutes'],
    ] as const) {
      const result = await verifier.verify(given, nowhere);
      assert('why' in result, given);
      if (typeof why === 'string') assert.deepEqual(result, { why }, given);
      else assert.match(result.why, why);
    }
    assert.deepEqual(await verifier.verify(good, { ...nowhere, audience: 'shop' }), {
      why: 'the header x-sluice-audience is not signed',
    });
  });

  test('responses of AWS: the role, a refusal, an outage, an invalid response', async (t) => {
    const answers: readonly (readonly [status: number, body: string, result: object])[] = [
      [200, `<Arn>${caller}</Arn>`, { name: role }],
      [
        403,
        '<Code>InvalidClientTokenId</Code>',
        { why: 'AWS STS refused the request: InvalidClientTokenId', isOutage: false },
      ],
      [503, '', { why: 'AWS STS refused the request: status 503', isOutage: true }],
      [429, '', { why: 'AWS STS refused the request: status 429', isOutage: true }],
      [200, 'hello', { why: 'the response of AWS STS names no caller' }],
      [
        200,
        'x'.repeat(100_000),
        { why: 'the request to AWS STS failed: the response is too long', isOutage: true },
      ],
    ];
    for (const [status, body, result] of answers) {
      const settings = await startAws(t, (_, response) => response.writeHead(status).end(body));
      assert.deepEqual(await new StsVerifier().verify(requestOf(), settings), result);
    }
  });

  test('many clients cause at most eight concurrent requests, and one for the same token', async (t) => {
    const held: ServerResponse[] = [];
    const aws = { requests: 0, marked: false, arrived: (): void => undefined };
    const settings = await startAws(t, ({ url }, response) => {
      aws.requests += 1;
      aws.marked ||= url?.includes('Signature=99') === true;
      held.push(response);
      aws.arrived();
    });
    const until = async (count: number): Promise<void> => {
      while (aws.requests < count)
        await new Promise<void>((resolve) => {
          aws.arrived = resolve;
        });
    };
    const answer = (): void => {
      for (const response of held.splice(0)) response.end(`<Arn>${caller}</Arn>`);
    };
    const verifier = new StsVerifier();
    const other = (number: number): string => requestOf({ 'X-Amz-Signature': String(number) });
    // A request has the second in which it was signed.
    const known = other(0);
    const same = Array.from({ length: 20 }, () => verifier.verify(known, settings));
    const different = Array.from({ length: 20 }, (_, at) =>
      verifier.verify(at === 0 ? known : other(at), settings),
    );
    await until(8);
    // Every other request arrives before this one.
    const marker = new StsVerifier().verify(other(99), settings);
    for (let count = 9; !aws.marked; count++) await until(count);
    assert.equal(aws.requests, 9);
    const done = Promise.all([...same, ...different]);
    for (const count of [17, 21]) {
      answer();
      await until(count);
    }
    answer();
    for (const result of [...(await done), await marker]) assert.deepEqual(result, { name: role });
    assert.equal(aws.requests, 21);
    // They are known now.
    assert.deepEqual(await verifier.verify(known, settings), { name: role });
    assert.equal(aws.requests, 21);
  });
});
