/** `curl` for plain HTTP (7.88): -v, -I, -o, -w, -s, -S, -f, -i, -X, -H, -d, --connect-timeout, -m, --resolve. */

import { ERRNO_TEXT, NS_PER_MS, NS_PER_S } from '../kernel/index.js';
import { formatIpv4, type Ipv4Addr, parseIpv4 } from '../packet/index.js';
import { awaitHttp, type HttpResult } from '../services/index.js';
import { type LongOption, orderedOptions } from './getopt.js';
import { resolveInPlace } from './resolve.js';
import { failure, type Tool, type ToolPlace, type ToolResult } from './tool.js';
import { parseUrl, type Url } from './url.js';

const AGENT = 'curl/7.88.1';
/** CURLOPT_CONNECTTIMEOUT's default. */
const CONNECT_TIMEOUT_S = 300;

interface Options {
  verbose: boolean;
  head: boolean;
  include: boolean;
  silent: boolean;
  showError: boolean;
  fail: boolean;
  output: string | undefined;
  write: string;
  method: string | undefined;
  headers: string[];
  data: string | undefined;
  connectTimeout: number;
  maxTime: number;
  resolve: string[];
  urls: string[];
}

/** Letters with what they set; a value may be attached, and letters may stand together. */
const VALUES = {
  o: 'output',
  w: 'write',
  X: 'method',
  H: 'headers',
  d: 'data',
  m: 'maxTime',
  'connect-timeout': 'connectTimeout',
  resolve: 'resolve',
} as const;
/** '' of what changes nothing here. */
const SWITCHES = {
  v: 'verbose',
  I: 'head',
  i: 'include',
  s: 'silent',
  S: 'showError',
  f: 'fail',
  k: '',
  L: '',
  g: '',
  N: '',
  '4': '',
} as const;

const SHORT = '-o:w:X:H:d:m:vIisSfkLgN4';
const LONG: readonly LongOption[] = [
  ['output', 'o', 'value'],
  ['write-out', 'w', 'value'],
  ['request', 'X', 'value'],
  ['header', 'H', 'value'],
  ['data', 'd', 'value'],
  ['max-time', 'm', 'value'],
  ['connect-timeout', 'connect-timeout', 'value'],
  ['resolve', 'resolve', 'value'],
  ['verbose', 'v', 'flag'],
  ['head', 'I', 'flag'],
  ['include', 'i', 'flag'],
  ['silent', 's', 'flag'],
  ['show-error', 'S', 'flag'],
  ['fail', 'f', 'flag'],
  ['insecure', 'k', 'flag'],
  ['location', 'L', 'flag'],
  ['globoff', 'g', 'flag'],
  ['no-buffer', 'N', 'flag'],
  ['ipv4', '4', 'flag'],
];

const isKeyOf = <T extends object>(record: T, key: string): key is Extract<keyof T, string> =>
  Object.hasOwn(record, key);

/** What is wrong with the value of that option. */
function setValue(options: Options, name: (typeof VALUES)[keyof typeof VALUES], value: string): string | undefined {
  if (name === 'headers' || name === 'resolve') options[name].push(value);
  else if (name === 'maxTime' || name === 'connectTimeout') {
    if (!/^\d+(?:\.\d*)?$/.test(value)) return 'expected a proper numerical parameter';
    options[name] = Number(value);
  } else options[name] = value;
  return undefined;
}

function parse(args: readonly string[]): Options | string {
  const options: Options = {
    verbose: false,
    head: false,
    include: false,
    silent: false,
    showError: false,
    fail: false,
    output: undefined,
    write: '',
    method: undefined,
    headers: [],
    data: undefined,
    connectTimeout: CONNECT_TIMEOUT_S,
    maxTime: Number.POSITIVE_INFINITY,
    resolve: [],
    urls: [],
  };
  const given = orderedOptions(args, { short: SHORT, long: LONG });
  for (const { letter, value, ...one } of given.options) {
    if (letter === undefined) options.urls.push(value);
    else if (isKeyOf(VALUES, letter)) {
      const problem = setValue(options, VALUES[letter], value ?? '');
      if (problem !== undefined) return `curl: option ${'written' in one ? one.written : ''}: ${problem}`;
    } else if (isKeyOf(SWITCHES, letter)) {
      const name = SWITCHES[letter];
      if (name !== '') options[name] = true;
    }
  }
  options.urls.push(...given.rest);
  const { bad } = given;
  if (bad !== undefined)
    return `curl: option ${bad.written}: ${bad.why === 'unknown' ? 'is unknown' : 'requires parameter'}`;
  return options;
}

const milliseconds = (ns: number): number => Math.floor(ns / NS_PER_MS);

/** Exit status and sentence of what went wrong. */
function trouble(done: HttpResult, { host, port }: Url, slow: boolean): { code: number; message: string } | undefined {
  const took = milliseconds(done.endNs - done.startNs);
  const connect = `Failed to connect to ${host} port ${port} after ${took} ms`;
  switch (done.end) {
    case 'refused':
      return { code: 7, message: `${connect}: Couldn't connect to server` };
    case 'connect-timeout':
      return {
        code: 28,
        message: slow ? `Connection timed out after ${took} milliseconds` : `${connect}: Timeout was reached`,
      };
    case 'timeout':
      return {
        code: 28,
        message: `Operation timed out after ${took} milliseconds with ${done.body.length} bytes received`,
      };
    case 'empty':
      return { code: 52, message: 'Empty reply from server' };
    case 'reset':
      return { code: 56, message: 'Recv failure: Connection reset by peer' };
    case 'garbled':
      return { code: 1, message: 'Received HTTP/0.9 when not allowed' };
    default:
      return undefined;
  }
}

const seconds = (ns: number): string => (Math.max(0, ns) / 1e9).toFixed(6);

/** `-w`: variables that a test of a connection wants. */
function writeOut(
  format: string,
  done: HttpResult | undefined,
  { url, address }: { url: Url; address: Ipv4Addr | undefined },
): string {
  const connected = done?.connectedNs;
  const status = String(done?.head?.status ?? 0).padStart(3, '0');
  const values: Readonly<Record<string, string>> = {
    http_code: status,
    response_code: status,
    remote_ip: connected === undefined || address === undefined ? '' : formatIpv4(address),
    remote_port: connected === undefined ? '0' : String(url.port),
    local_ip: done === undefined || connected === undefined ? '' : formatIpv4(done.localAddress),
    local_port: done === undefined || connected === undefined ? '0' : String(done.localPort),
    size_download: String(done?.body.length ?? 0),
    time_connect: seconds(done === undefined || connected === undefined ? 0 : connected - done.startNs),
    time_total: seconds(done === undefined ? 0 : done.endNs - done.startNs),
    url: url.text,
    url_effective: url.text,
  };
  return format
    .replace(/%\{(\w+)\}/g, (_, name: string) => values[name] ?? '')
    .replace(/\\n/g, '\n')
    .replace(/\\t/g, '\t');
}

function requestText(options: Options, url: Url): string {
  const method = options.method ?? (options.head ? 'HEAD' : options.data === undefined ? 'GET' : 'POST');
  const usual = url.scheme === 'https' ? 443 : 80;
  const own = new Set(options.headers.map((header) => header.split(':')[0]?.toLowerCase()));
  const base = [
    ['Host', url.port === usual ? url.host : `${url.host}:${url.port}`],
    ['User-Agent', AGENT],
    ['Accept', '*/*'],
    ...(options.data === undefined
      ? []
      : [
          ['Content-Length', String(options.data.length)],
          ['Content-Type', 'application/x-www-form-urlencoded'],
        ]),
  ].filter(([name = '']) => !own.has(name.toLowerCase()));
  const lines = [...base.map(([name, value]) => `${name}: ${value}`), ...options.headers];
  return `${method} ${url.path} HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n${options.data ?? ''}`;
}

const marked = (mark: string, text: string): string =>
  text
    .split('\r\n')
    .slice(0, -1)
    .map((line) => `${mark} ${line}\n`)
    .join('');

function addressOf(place: ToolPlace, { host, port }: Url, fixed: readonly string[]): Ipv4Addr | undefined {
  const given = fixed.map((one) => one.split(':')).find(([name, number]) => name === host && Number(number) === port);
  return given === undefined ? resolveInPlace(place, host, 'curl') : parseIpv4(given[2] ?? '');
}

/** Whether connect(2) itself fails, or its outcome does, is told apart; of a timeout only the sentence behind it. */
function connectFailure({ errno, startNs, endNs }: HttpResult, to: string, ip: string): string {
  if (errno === undefined || errno === 'ETIMEDOUT') return '';
  const atOnce = endNs === startNs && errno !== 'ECONNREFUSED';
  return atOnce
    ? `* Immediate connect fail for ${ip}: ${ERRNO_TEXT[errno]}\n`
    : `* connect to ${to} failed: ${ERRNO_TEXT[errno]}\n`;
}

function verboseText(
  done: HttpResult,
  context: { url: Url; address: Ipv4Addr; text: string; message: string | undefined },
): string {
  const { url, address, text, message } = context;
  const ip = formatIpv4(address);
  const trying = `*   Trying ${ip}:${url.port}...\n`;
  if (done.connectedNs === undefined) {
    return `${trying}${connectFailure(done, `${ip} port ${url.port}`, ip)}* ${message ?? ''}\n* Closing connection 0\n`;
  }
  const connected = `* Connected to ${url.host} (${ip}) port ${url.port} (#0)\n`;
  const [head = ''] = text.split('\r\n\r\n');
  const sent = marked('>', `${head}\r\n\r\n`);
  const end =
    message === undefined
      ? `* Connection #0 to host ${url.host} left intact\n`
      : `* ${message}\n* Closing connection 0\n`;
  return trying + connected + sent + marked('<', done.headText) + end;
}

function fetchOne(place: ToolPlace, options: Options, url: Url): ToolResult {
  const errorText = (code: number, message: string): string =>
    options.silent && !options.showError ? '' : `curl: (${code}) ${message}\n`;
  const address = addressOf(place, url, options.resolve);
  if (address === undefined) {
    const message = `Could not resolve host: ${url.host}`;
    const note = options.verbose ? `* ${message}\n* Closing connection 0\n` : '';
    const written = writeOut(options.write, undefined, { url, address });
    return { exitCode: 6, stdout: written, stderr: note + errorText(6, message) };
  }
  const text = requestText(options, url);
  const done = awaitHttp({
    netns: place.netns,
    address,
    port: url.port,
    text,
    withBody: !options.head,
    connectTimeoutNs: options.connectTimeout * NS_PER_S,
    timeoutNs: options.maxTime * NS_PER_S,
    process: 'curl',
  });
  if (done === undefined) return failure(28, 'curl: (28) nothing happened within an hour');
  const status = done.head?.status ?? 0;
  const refused = options.fail && status >= 400;
  const problem = trouble(done, url, options.maxTime < options.connectTimeout);
  const found = problem ?? (refused ? { code: 22, message: `The requested URL returned error: ${status}` } : undefined);
  const shown = refused ? '' : (options.head || options.include ? done.headText : '') + (options.head ? '' : done.body);
  const stdout = (options.output === undefined ? shown : '') + writeOut(options.write, done, { url, address });
  const verbose = options.verbose ? verboseText(done, { url, address, text, message: problem?.message }) : '';
  const stderr = verbose + (found === undefined ? '' : errorText(found.code, found.message));
  return { exitCode: found?.code ?? 0, stdout, stderr };
}

export const curl: Tool = (place, args) => {
  const options = parse(args);
  if (typeof options === 'string')
    return failure(2, `${options}\ncurl: try 'curl --help' or 'curl --manual' for more information`);
  if (options.urls.length === 0) return failure(2, "curl: try 'curl --help' or 'curl --manual' for more information");
  let result: ToolResult = { exitCode: 0, stdout: '', stderr: '' };
  for (const text of options.urls) {
    const url = parseUrl(text);
    const one =
      url === undefined
        ? failure(3, 'curl: (3) URL using bad/illegal format or missing URL')
        : url.scheme === 'https'
          ? failure(1, 'curl: TLS is not modelled here; ask for the port with http://, or trace the connection')
          : url.scheme === 'http'
            ? fetchOne(place, options, url)
            : failure(1, `curl: (1) Protocol "${url.scheme}" not supported or disabled in libcurl`);
    result = { exitCode: one.exitCode, stdout: result.stdout + one.stdout, stderr: result.stderr + one.stderr };
  }
  return result;
};
