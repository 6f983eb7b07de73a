import { STATUS_CODES } from 'node:http';

/** A response of the admin port. */
export interface HttpResponse {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export function textResponse(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): HttpResponse {
  return { status, type: 'text/plain', body: `${body}\n`, headers };
}

/** The bytes of the response, the last on its connection. `withBody`: not for HEAD. */
export function buildResponse(
  { status, type, body, headers = {} }: HttpResponse,
  withBody: boolean,
): Buffer {
  const bytes = Buffer.from(body);
  const all = {
    'content-type': type,
    'content-length': String(bytes.length),
    'cache-control': 'no-store',
    connection: 'close',
    date: new Date().toUTCString(),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`;
  return withBody
    ? Buffer.concat([Buffer.from(head, 'latin1'), bytes])
    : Buffer.from(head, 'latin1');
}
