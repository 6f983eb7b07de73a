/** A request to the admin port, without its body: no request needs one. */
export interface HttpRequest {
  readonly method: string;
  /** The path and the query, as sent. */
  readonly target: string;
  /** Names in lower case. Of several headers with one name, the first. */
  readonly headers: ReadonlyMap<string, string>;
}

const requestLine = /^([A-Z]+) ([!-~]+) HTTP\/1\.([01])$/;
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Printable ASCII, tabs, and bytes of other encodings. */
const headerValue = /^[\t -~\u0080-\u00ff]*$/;

const unique = new Set(['host', 'authorization', 'content-length', 'transfer-encoding']);

/**
 * Parses the head of an HTTP/1 request, up to the empty line, with one character per byte (RFC 9112). Null if it is
 * invalid, or if two programs could interpret it differently.
 */
export function parseRequest(head: string): HttpRequest | null {
  const [first = '', ...lines] = head.split('\r\n');
  const [, method, target, minor] = requestLine.exec(first) ?? [];
  if (method === undefined || target === undefined) return null;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    const value = line.slice(colon + 1).trim();
    if (!headerName.test(name) || !headerValue.test(value)) return null;
    const key = name.toLowerCase();
    if (!headers.has(key)) headers.set(key, value);
    else if (unique.has(key)) return null;
  }
  if (headers.has('content-length') && headers.has('transfer-encoding')) return null;
  if (minor === '1' && !headers.has('host')) return null;
  return { method, target, headers };
}
