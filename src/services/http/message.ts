/** HTTP/1.1 messages as text (RFC 9112): heads, headers, bodies by their length or by chunks. */

export type Headers = ReadonlyMap<string, string>;

export interface HttpRequest {
  readonly method: string;
  /** As it stands in the request line. */
  readonly target: string;
  /** Without the query. */
  readonly path: string;
  readonly version: string;
  readonly headers: Headers;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  204: 'No Content',
  301: 'Moved Permanently',
  302: 'Found',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

export const reasonOf = (status: number): string => REASONS[status] ?? '';

/** More than this without an end of the headers is no message (net/http DefaultMaxHeaderBytes). */
export const MAX_HEAD_OCTETS = 1 << 20;

const REQUEST_LINE = /^([A-Z]+) (\S+) HTTP\/(1\.[01])$/;
const STATUS_LINE = /^HTTP\/(1\.[01]) (\d{3})(?: (.*))?$/;

function headersOf(lines: readonly string[]): Headers {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name = '', value = ''] = /^([^:\s]+):\s*(.*?)\s*$/.exec(line) ?? [];
    if (name !== '') headers.set(name.toLowerCase(), value);
  }
  return headers;
}

/** The head of a message and where the body begins, once all of it is there. */
export function splitHead(text: string): { readonly lines: readonly string[]; readonly bodyAt: number } | undefined {
  const end = text.indexOf('\r\n\r\n');
  return end < 0 ? undefined : { lines: text.slice(0, end).split('\r\n'), bodyAt: end + 4 };
}

export function parseRequestHead(lines: readonly string[]): HttpRequest | undefined {
  const [, method = '', target = '', version = ''] = REQUEST_LINE.exec(lines[0] ?? '') ?? [];
  if (method === '') return undefined;
  return { method, target, path: target.split('?')[0] ?? target, version, headers: headersOf(lines.slice(1)) };
}

export interface ResponseHead {
  readonly version: string;
  readonly status: number;
  readonly reason: string;
  readonly headers: Headers;
  /** As they came. */
  readonly lines: readonly string[];
}

export function parseResponseHead(lines: readonly string[]): ResponseHead | undefined {
  const [, version = '', status = '', reason = ''] = STATUS_LINE.exec(lines[0] ?? '') ?? [];
  if (version === '') return undefined;
  return { version, status: Number(status), reason, headers: headersOf(lines.slice(1)), lines };
}

/** Whether a stream begins as a request does: its first octets are a method and a blank, so far. */
export const looksLikeRequest = (text: string): boolean => /^[A-Z]{1,16}(?: |$)/.test(text);
