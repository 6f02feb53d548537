/**
 * `wget` 1.21 for plain HTTP: -q, -nv, -S, -O, --spider, -T, -t, --header. Nothing is kept: what is fetched is printed or thrown
 * away. Differs: no progress and no speed, for time is virtual; redirections are not followed.
 */

import { ERRNO_TEXT, type Netns, NS_PER_S } from '../kernel/index.js';
import { formatIpv4, type Ipv4Addr, parseIpv4 } from '../packet/index.js';
import { awaitHttp, civilTime, type HttpResult } from '../services/index.js';
import { type LongOption, orderedOptions, type WrongOption } from './getopt.js';
import { resolve, resolveFailure } from './resolve.js';
import { failure, lines, ok, type Tool, type ToolPlace, type ToolResult } from './tool.js';
import { parseUrl, type Url } from './url.js';

const AGENT = 'Wget/1.21.3';
const USAGE = "Usage: wget [OPTION]... [URL]...\n\nTry `wget --help' for more options.";

const SHORT = '-qvVn:SO:T:t:U:4';
const LONG: readonly LongOption[] = [
  ['quiet', 'q', 'flag'],
  ['verbose', 'v', 'flag'],
  ['no-verbose', 'no-verbose', 'flag'],
  ['version', 'V', 'flag'],
  ['server-response', 'S', 'flag'],
  ['output-document', 'O', 'value'],
  ['spider', 'spider', 'flag'],
  ['timeout', 'T', 'value'],
  ['connect-timeout', 'T', 'value'],
  ['tries', 't', 'value'],
  ['header', 'header', 'value'],
  ['user-agent', 'U', 'value'],
  ['no-check-certificate', 'no-check-certificate', 'flag'],
  ['inet4-only', '4', 'flag'],
];

/** connect(2) gives up before wget would. */
const CONNECT_TIMEOUT_S = 130;
const READ_TIMEOUT_S = 900;
const TRIES = 20;
/** --waitretry. */
const LONGEST_PAUSE_S = 10;

/** Exit statuses (src/exits.c). */
const GENERIC = 1;
const PARSE = 2;
const NETWORK = 4;
const SERVER = 8;

interface Asked {
  /** `-nv` says only how it ended. */
  readonly say: 'all' | 'end' | 'nothing';
  readonly headers: boolean;
  readonly spider: boolean;
  readonly output: string | undefined;
  readonly timeoutS: number | undefined;
  readonly tries: number;
  readonly agent: string;
  readonly extra: readonly string[];
  readonly urls: readonly string[];
}

function optionProblem({ written, why }: WrongOption): ToolResult {
  const isLong = written.startsWith('--');
  const letter = `-- '${written.at(-1) ?? ''}'`;
  const unknown = isLong ? `unrecognized option '${written}'` : `invalid option ${letter}`;
  const valueless = isLong ? `option '${written}' requires an argument` : `option requires an argument ${letter}`;
  return failure(PARSE, `wget: ${why === 'unknown' ? unknown : valueless}\n${USAGE}`);
}

function read(args: readonly string[]): Asked | ToolResult {
  const { options, rest, bad } = orderedOptions(args, { short: SHORT, long: LONG });
  if (bad !== undefined) return optionProblem(bad);
  const given = new Map<string, string>();
  const extra: string[] = [];
  const urls: string[] = [];
  for (const { letter, value } of options) {
    if (letter === undefined) urls.push(value);
    else if (letter === 'header') extra.push(value ?? '');
    else given.set(letter, value ?? '');
  }
  if (given.has('V')) return ok('GNU Wget 1.21.3 built on linux-gnu.\n');
  const [timeout, tries] = [given.get('T'), given.get('t')];
  for (const [text, name] of [
    [timeout, '--timeout'],
    [tries, '--tries'],
  ] as const)
    if (text !== undefined && !/^\d+(?:\.\d+)?$/.test(text))
      return failure(PARSE, `wget: ${name}: Invalid number ‘${text}’.`);
  const brief = given.has('no-verbose') || given.get('n')?.includes('v') === true;
  return {
    say: given.has('q') ? 'nothing' : brief ? 'end' : 'all',
    headers: given.has('S'),
    spider: given.has('spider'),
    output: given.get('O'),
    timeoutS: timeout === undefined ? undefined : Number(timeout),
    tries: tries === undefined ? TRIES : Number(tries),
    agent: given.get('U') ?? AGENT,
    extra,
    urls: [...urls, ...rest],
  };
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `1970-01-01 00:00:00`. */
function dateOf({ emulation }: Netns): string {
  const { year, month, day, clock } = civilTime(emulation.clock.nowNs);
  const number = MONTHS.indexOf(month) + 1;
  return `${year}-${String(number).padStart(2, '0')}-${String(day).padStart(2, '0')} ${clock}`;
}

function requestText({ spider, agent, extra }: Asked, { host, port, path }: Url): string {
  const own = port === 80 ? host : `${host}:${port}`;
  const fields = [`Host: ${own}`, `User-Agent: ${agent}`, 'Accept: */*', 'Accept-Encoding: identity', ...extra];
  const head = [...fields, 'Connection: Keep-Alive'].map((line) => `${line}\r\n`).join('');
  return `${spider ? 'HEAD' : 'GET'} ${path} HTTP/1.1\r\n${head}\r\n`;
}

/** Why there is no answer. */
function trouble({ end, errno }: HttpResult): { readonly text: string; readonly again: boolean } {
  if (end === 'connect-timeout' || errno === 'ETIMEDOUT')
    return { text: `failed: ${ERRNO_TEXT.ETIMEDOUT}.`, again: true };
  if (end === 'refused') {
    // retryable_socket_connect_error(): refused and unreachable ends it.
    return { text: `failed: ${ERRNO_TEXT[errno ?? 'ECONNREFUSED']}.`, again: false };
  }
  if (end === 'timeout') return { text: 'Read error (Connection timed out) in headers.', again: true };
  if (end === 'reset') return { text: 'Read error (Connection reset by peer) in headers.', again: true };
  return { text: 'No data received.', again: true };
}

const headerLines = (headText: string): string =>
  lines(
    headText
      .trimEnd()
      .split('\r\n')
      .map((line) => `  ${line}`),
  );

/** One URL, with what is said of it so far. */
class Fetch {
  readonly #place: ToolPlace;
  readonly #asked: Asked;
  readonly #url: Url;
  #said = '';

  constructor(place: ToolPlace, asked: Asked, url: Url) {
    this.#place = place;
    this.#asked = asked;
    this.#url = url;
  }

  #say(text: string): void {
    if (this.#asked.say === 'all') this.#said += text;
  }

  #ended(exitCode: number, last = '', stdout = ''): ToolResult {
    const { say } = this.#asked;
    return { exitCode, stdout, stderr: this.#said + (say === 'nothing' ? '' : last) };
  }

  get #name(): string {
    const { scheme, host, port, path } = this.#url;
    return `${scheme}://${host}${port === 80 ? '' : `:${port}`}${path}`;
  }

  run(): ToolResult {
    const { netns } = this.#place;
    const { host } = this.#url;
    if (this.#asked.spider) this.#say('Spider mode enabled. Check if remote file exists.\n');
    this.#say(`--${dateOf(netns)}--  ${this.#name}\n`);
    const isAddress = parseIpv4(host) !== undefined;
    const resolved = resolve(this.#place, host, 'wget');
    if (resolved.kind === 'failed') {
      this.#say(`Resolving ${host} (${host})... failed: ${resolveFailure(resolved.why)}.\n`);
      return this.#ended(NETWORK, `wget: unable to resolve host address ‘${host}’\n`);
    }
    if (!isAddress) this.#say(`Resolving ${host} (${host})... ${formatIpv4(resolved.address)}\n`);
    return this.#attempts(resolved.address);
  }

  #attempts(address: Ipv4Addr): ToolResult {
    const { netns } = this.#place;
    const { tries } = this.#asked;
    for (let attempt = 1; ; attempt++) {
      if (attempt > 1) this.#say(`--${dateOf(netns)}--  (try:${String(attempt).padStart(2)})  ${this.#name}\n`);
      const done = this.#exchange(address);
      if (done === undefined) return this.#ended(NETWORK, 'wget: nothing happened within an hour\n');
      if (done.head !== undefined) return this.#answered(done);
      const { text, again } = trouble(done);
      this.#say(`${text}\n`);
      if (!again) return this.#ended(NETWORK);
      // 0 tries are tries without end, which nobody waits for here.
      if (attempt >= (tries === 0 ? TRIES : tries)) {
        this.#say('Giving up.\n\n');
        return this.#ended(NETWORK);
      }
      this.#say('Retrying.\n\n');
      netns.emulation.advance(Math.min(attempt, LONGEST_PAUSE_S) * NS_PER_S);
    }
  }

  #exchange(address: Ipv4Addr): HttpResult | undefined {
    const { host, port } = this.#url;
    const { timeoutS } = this.#asked;
    const ip = formatIpv4(address);
    this.#say(`Connecting to ${host === ip ? host : `${host} (${host})|${ip}|`}:${port}... `);
    const done = awaitHttp({
      netns: this.#place.netns,
      address,
      port,
      text: requestText(this.#asked, this.#url),
      withBody: !this.#asked.spider,
      connectTimeoutNs: (timeoutS ?? CONNECT_TIMEOUT_S) * NS_PER_S,
      timeoutNs: (timeoutS ?? READ_TIMEOUT_S) * NS_PER_S,
      process: 'wget',
    });
    if (done?.connectedNs !== undefined) this.#say('connected.\nHTTP request sent, awaiting response... ');
    return done;
  }

  #answered({ head, headText, body }: HttpResult): ToolResult {
    const { headers, spider, output, say } = this.#asked;
    const { netns } = this.#place;
    const status = head?.status ?? 0;
    const reason = head?.reason ?? '';
    if (headers) this.#said += `${say === 'all' ? '\n' : ''}${headerLines(headText)}`;
    else this.#say(`${status} ${reason}\n`);
    if (status >= 400)
      return this.#ended(
        SERVER,
        spider
          ? 'Remote file does not exist -- broken link!!!\n\n'
          : `${dateOf(netns)} ERROR ${status}: ${reason}.\n\n`,
      );
    const length = head?.headers.get('content-length') ?? 'unspecified';
    const type = head?.headers.get('content-type')?.split(';')[0];
    this.#say(`Length: ${length}${type === undefined ? '' : ` [${type}]`}\n`);
    if (spider) {
      this.#say('Remote file exists.\n\n');
      return this.#ended(0);
    }
    const shown = output === '-' ? 'STDOUT' : (output ?? '');
    this.#say(`Saving to: ‘${shown}’\n\n`);
    const written = output === '-' ? 'written to stdout' : `‘${shown}’ saved`;
    const sizes = `[${body.length}${length === 'unspecified' ? '' : `/${length}`}]`;
    const last =
      say === 'all'
        ? `${dateOf(netns)} - ${written} ${sizes}\n\n`
        : `${dateOf(netns)} URL:${this.#name} ${sizes} -> "${shown}" [1]\n`;
    return this.#ended(0, last, output === '-' ? body : '');
  }
}

function fetchOne(place: ToolPlace, asked: Asked, text: string): ToolResult {
  const url = parseUrl(text);
  if (url === undefined) return failure(GENERIC, `${text}: Invalid host name.`);
  if (url.scheme === 'https')
    return failure(GENERIC, 'wget: TLS is not modelled here; ask for the port with http://, or trace the connection');
  if (url.scheme !== 'http') return failure(GENERIC, `${text}: Unsupported scheme ‘${url.scheme}’.`);
  return new Fetch(place, asked, url).run();
}

export const wget: Tool = (place, args) => {
  const asked = read(args);
  if ('exitCode' in asked) return asked;
  if (asked.urls.length === 0) return failure(GENERIC, `wget: missing URL\n${USAGE}`);
  if (!asked.spider && asked.output !== '-' && asked.output !== '/dev/null')
    return failure(GENERIC, 'wget: files are not kept here: ask with -O- or --spider');
  let all: ToolResult = ok('');
  for (const text of asked.urls) {
    const one = fetchOne(place, asked, text);
    all = {
      exitCode: Math.max(all.exitCode, one.exitCode),
      stdout: all.stdout + one.stdout,
      stderr: all.stderr + one.stderr,
    };
  }
  return all;
};
