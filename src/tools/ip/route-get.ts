/** `ip route get` as iproute2 6.1 prints it (ip/iproute.c:iproute_get()). */

import {
  cacheFlags,
  ERRNO_TEXT,
  formatTos,
  type Netns,
  parseAddressWord,
  parseNumberWord,
  RT_TABLE,
  type RouteGetAnswer,
} from '../../kernel/index.js';
import { formatIpv4, INADDR_ANY, type Ipv4Addr, isLimitedBroadcast } from '../../packet/index.js';
import { failure, type ToolResult } from '../tool.js';
import { type Names, namesOf } from './names.js';
import { octet, type RouteForm, routeRow } from './route.js';
import { printRows, Row } from './row.js';
import { isResult, noPrefix, parsePrefix, readSelector, refuse, wrongArgument } from './selector.js';

const GET = {
  from: 'value',
  iif: 'value',
  oif: 'value',
  dev: 'value',
  mark: 'value',
  tos: 'value',
  dsfield: 'value',
  ipproto: 'value',
  sport: 'value',
  dport: 'value',
  uid: 'value',
  fibmatch: 'flag',
  to: 'value',
} as const;

const PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, sctp: 132 };

const upTo =
  (max: number) =>
  (text: string): number | undefined => {
    const value = parseNumberWord(text);
    return value === undefined || value > max ? undefined : value;
  };

/** inet_proto_a2n(). */
const ipProtocol = (text: string): number | undefined => PROTOCOLS[text] ?? upTo(255)(text);

/** `ip route get ADDRESS [from A iif D] [oif D] [mark M] [tos T] [ipproto P sport N dport N] [fibmatch]`. */
export function getRoute(netns: Netns, words: readonly string[], form: RouteForm): ToolResult {
  const selector = readSelector(words, GET, { word: 'to', again: 'instead' });
  if (isResult(selector)) return selector;
  const { values, flags } = selector;
  const text = values.get('to');
  if (text === undefined) return failure(1, 'need at least a destination address');
  const destination = parseDestination(text);
  if (destination === undefined) return noPrefix(text);
  const from = values.get('from');
  const source = from === undefined ? INADDR_ANY : parseAddressWord(from);
  if (source === undefined) return noPrefix(from ?? '', 'inet prefix');
  const device = (word: string): ReturnType<typeof netns.devices.named> => netns.devices.named(values.get(word) ?? '');
  for (const word of ['iif', 'oif', 'dev'] as const) {
    if (values.has(word) && device(word) === undefined) return failure(1, `Cannot find device "${values.get(word)}"`);
  }
  const number = (names: readonly string[], parse: (text: string) => number | undefined, why: string) => {
    const given = names.map((name) => values.get(name)).find((one) => one !== undefined);
    return given === undefined ? undefined : (parse(given) ?? refuse(wrongArgument(given, why)));
  };
  const uid = number(['uid'], upTo(0xffff_ffff), 'invalid UID\n');
  const answer = netns.fib.routeGet({
    destination,
    source,
    mark: number(['mark'], upTo(0xffff_ffff), 'invalid mark value'),
    tos: number(['tos', 'dsfield'], octet, 'TOS value is invalid\n'),
    iif: device('iif'),
    oif: device('oif') ?? device('dev'),
    protocol: number(['ipproto'], ipProtocol, 'Invalid "ipproto" value\n'),
    sourcePort: number(['sport'], upTo(0xffff), 'invalid sport\n'),
    destinationPort: number(['dport'], upTo(0xffff), 'invalid dport\n'),
  });
  if ('errno' in answer) return failure(2, `RTNETLINK answers: ${ERRNO_TEXT[answer.errno]}`);
  const { route } = answer.answer.result;
  const style = { details: form.details, names: namesOf(form) };
  const row =
    flags.has('fibmatch') && route !== undefined
      ? routeRow(route, {}, style)
      : getRow(answer.answer, { ...style, uid: uid ?? 0 });
  const length = /\/(.*)$/.exec(text)?.[1] ?? '32';
  const warning = length === '32' ? '' : `Warning: /${length} as prefix is invalid, only /32 (or none) is supported.\n`;
  return { exitCode: 0, stdout: printRows([row], form), stderr: warning };
}

/** `10.1`, `10.1/32`, `default`: a length is not looked at. */
function parseDestination(text: string): Ipv4Addr | undefined {
  if (parsePrefix(text) === undefined) return undefined;
  return /^(?:default|any|all)$/.test(text) ? INADDR_ANY : parseAddressWord(text.replace(/\/.*$/, ''));
}

/** A route's own MTU, where the kernel has one to tell of (net/ipv4/route.c:rt_fill_info()). */
function routeMtu({ flow, result: { type, route } }: RouteGetAnswer): number | undefined {
  const uses =
    flow.iif !== undefined
      ? type === 'unicast'
      : !isLimitedBroadcast(flow.destination) && (type !== 'multicast' || (route?.destination.length ?? 0) >= 4);
  return uses ? route?.mtu : undefined;
}

function markText(mark: number): string {
  return mark >>> 0 >= 16 ? `0x${(mark >>> 0).toString(16)}` : String(mark);
}

/** What the kernel answers: where the packet goes. The text alone is kernel/fib/format.ts:formatRouteGet() too. */
function getRow(answer: RouteGetAnswer, { details, names, uid }: { details: boolean; names: Names; uid: number }): Row {
  const { flow, result, table } = answer;
  const { type, route, gateway, dev } = result;
  const row = new Row();
  const word = (key: string, name: string, text: string): Row => row.add(key, text, `${name} ${text} `);
  if (type !== 'unicast' || details) row.add('type', names.type(type), `${names.type(type)} `);
  row.add('dst', formatIpv4(flow.destination), `${formatIpv4(flow.destination)} `);
  if (flow.source !== INADDR_ANY) word('from', 'from', formatIpv4(flow.source));
  if (route !== undefined && route.tos !== 0) word('tos', 'tos', formatTos(route.tos));
  if (gateway !== undefined) word('gateway', 'via', formatIpv4(gateway));
  if (dev !== undefined) word('dev', 'dev', dev.name);
  if (table !== undefined && (table !== RT_TABLE.main || details)) word('table', 'table', names.table(table));
  const isInput = flow.iif !== undefined;
  if (!isInput && flow.source !== result.source) word('prefsrc', 'src', formatIpv4(result.source));
  // iproute2 6.1 takes RTCF_MULTICAST, bit 29, for RTM_F_OFFLOAD_FAILED.
  const flags = type === 'multicast' ? ['rt_offload_failed'] : [];
  row.add('flags', flags, flags.map((flag) => `${flag} `).join(''));
  if (flow.mark !== undefined && flow.mark !== 0) row.add('mark', flow.mark, `mark ${markText(flow.mark)} `);
  return cached(isInput ? row : row.add('uid', uid, `uid ${uid} `), answer);
}

/** The second line. */
function cached(row: Row, answer: RouteGetAnswer): Row {
  const { flow, learned } = answer;
  const flags = cacheFlags(answer);
  row.add('cache', flags, `\n    cache ${flags.length === 0 ? '' : `<${flags.join(',')}> `}`);
  if (learned !== undefined) row.add('expires', learned.seconds, `expires ${learned.seconds}sec `);
  const mtu = learned?.mtu ?? routeMtu(answer);
  const lock = learned?.mtuLocked === true ? 'lock ' : '';
  if (mtu !== undefined) row.say(`mtu ${lock}${mtu} `).note('metrics', [{ mtu }]);
  return flow.iif === undefined ? row : row.add('iif', flow.iif.name, `iif ${flow.iif.name} `);
}
