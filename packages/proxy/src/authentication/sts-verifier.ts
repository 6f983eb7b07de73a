import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { errorText } from '../settings/error-text.ts';
import type { TokenResult } from './jwt-verifier.ts';
import { CheckQueue } from './check-queue.ts';
import { TokenCache, expiryOf } from './token-cache.ts';
import { outage } from './verdict.ts';

/** The hosts of AWS STS, global and regional: anybody could answer a request to another host. */
const stsHost = /^sts(?:\.[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?$/;

/** The allowed parameters of a GetCallerIdentity request that is signed in its query string. */
const known = new Set([
  'Action',
  'Version',
  'X-Amz-Algorithm',
  'X-Amz-Content-Sha256',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-Security-Token',
  'X-Amz-SignedHeaders',
  'X-Amz-Signature',
  'x-amz-user-agent',
  'x-id',
]);

const audienceHeader = 'x-sluice-audience';
/** The maximum validity of a request, in milliseconds; AWS allows a week. */
const longest = 15 * 60_000;
const timeout = 5000;
const longestAnswer = 64 * 1024;
/** The maximum number of requests at the same time, and of those that wait. Each takes a descriptor. */
const most = 8;
const mostWaiting = 1000;

/** The settings for checks of requests. */
export interface StsSettings {
  /** The URL that replaces the host of the request. */
  readonly endpoint: string | undefined;
  /** The required value of the signed header x-sluice-audience; empty if none is required. */
  readonly audience: string;
}

/**
 * Checks signed GetCallerIdentity requests: a client signs one with its AWS credentials, and the proxy sends it to AWS,
 * which returns the signer. The proxy needs no AWS credentials for that.
 */
export class StsVerifier {
  readonly #good = new TokenCache<string>();
  readonly #requests = new CheckQueue(most, mostWaiting);
  /** Running checks: many clients may send the same request at once, and AWS needs to be asked only once. */
  readonly #checks = new Map<string, Promise<TokenResult>>();

  /** The ARN of the caller; for an assumed role, that of the role. */
  async verify(given: string, { endpoint, audience }: StsSettings): Promise<TokenResult> {
    if (!URL.canParse(given)) return { why: 'it is not a signed request' };
    const url = new URL(given);
    const { searchParams } = url;
    if (url.protocol !== 'https:' || url.pathname !== '/' || url.port !== '' || url.username !== '')
      return { why: 'it is not a request to AWS STS' };
    if (!stsHost.test(url.hostname)) return { why: `${url.hostname} is not an AWS STS host` };
    const unknown = [...searchParams.keys()].find((name) => !known.has(name));
    if (searchParams.get('Action') !== 'GetCallerIdentity' || unknown !== undefined)
      return { why: 'it is not a GetCallerIdentity request' };
    if (new Set(searchParams.keys()).size !== [...searchParams.keys()].length)
      return { why: 'it has a duplicate parameter' };
    const expiry = expiryOf(searchParams);
    const now = Date.now();
    if (expiry === null) return { why: 'the request has no expiry' };
    if (expiry <= now) return { why: 'the request has expired' };
    if (expiry > now + longest) return { why: 'the request is valid for more than 15 minutes' };
    const signed = (searchParams.get('X-Amz-SignedHeaders') ?? '').split(';');
    if (audience !== '' && !signed.includes(audienceHeader))
      return { why: `the header ${audienceHeader} is not signed` };
    const arn = this.#good.get(given, audience);
    if (arn !== undefined) return { name: arn };
    const key = JSON.stringify([given, endpoint, audience]);
    let check = this.#checks.get(key);
    if (check === undefined) {
      check = this.#requests
        .run(() => this.#send(given, url, expiry, { endpoint, audience }))
        .finally(() => this.#checks.delete(key));
      this.#checks.set(key, check);
    }
    return check;
  }

  /** Sends the request to AWS. */
  async #send(
    given: string,
    url: URL,
    expiry: number,
    { endpoint, audience }: StsSettings,
  ): Promise<TokenResult> {
    try {
      const target = endpoint === undefined ? url : new URL(url.search, endpoint);
      const { status, body } = await get(target, {
        host: url.host,
        ...(audience === '' ? {} : { [audienceHeader]: audience }),
      });
      if (status !== 200) {
        const code = /<Code>([^<]*)<\/Code>/.exec(body)?.[1] ?? `status ${status}`;
        return {
          why: `AWS STS refused the request: ${code}`,
          isOutage: status === 429 || status >= 500,
        };
      }
      const caller = /<Arn>([^<]+)<\/Arn>/.exec(body)?.[1];
      if (caller === undefined) return { why: 'the response of AWS STS names no caller' };
      const name = roleOf(caller);
      this.#good.set(given, audience, name, expiry);
      return { name };
    } catch (error) {
      return outage(`the request to AWS STS failed: ${errorText(error)}`);
    }
  }
}

/** The role of a session: `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION` is `arn:aws:iam::ACCOUNT:role/ROLE`. */
function roleOf(arn: string): string {
  return arn.replace(/^(arn:[^:]+:)sts::(\d+):assumed-role\/([^/]+)\/.*$/, '$1iam::$2:role/$3');
}

/** Not `fetch`, which does not allow a Host header other than the host of the URL. */
function get(
  url: URL,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = send(
      url,
      { method: 'GET', headers, signal: AbortSignal.timeout(timeout) },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          body += chunk;
          if (body.length <= longestAnswer) return;
          reject(new Error('the response is too long'));
          // Without an error: Bun would raise it where nothing handles it.
          request.destroy();
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end();
  });
}
