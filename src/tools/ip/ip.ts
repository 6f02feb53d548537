/** `ip`: objects and verbs may be abbreviated, as in iproute2. Only what shows is offered. */

import { isIpv6, noIpv6 } from '../not-modelled.js';
import { failure, ok, type Tool, type ToolPlace, type ToolResult } from '../tool.js';
import { showAddresses } from './address.js';
import { runBatch } from './batch.js';
import { showLinks } from './link.js';
import { showGroups } from './maddress.js';
import { getNeighbour, showNeighbours } from './neighbour.js';
import { askNetns, listNetns } from './netns.js';
import { showRoutes } from './route.js';
import { getRoute } from './route-get.js';
import { showRules } from './rule.js';
import { refuse, unlessRefused } from './selector.js';

interface Options {
  readonly json: boolean;
  readonly pretty: boolean;
  readonly oneLine: boolean;
  readonly brief: boolean;
  readonly details: boolean;
  readonly numeric: boolean;
  /** How often `-s` was given. */
  readonly statistics: number;
  /** `-h`: 1.5k; `-iec`: 1.5Ki. */
  readonly units: 'none' | 'si' | 'iec';
  readonly family: Family;
  readonly netns: string | undefined;
  /** `-batch FILE`. */
  readonly batch: string | undefined;
  readonly force: boolean;
}

const FAMILIES = ['any', 'inet', 'inet6', 'link', 'bridge', 'mpls'] as const;
type Family = (typeof FAMILIES)[number];

const NOTHING: Options = {
  json: false,
  pretty: false,
  oneLine: false,
  brief: false,
  details: false,
  numeric: false,
  statistics: 0,
  units: 'none',
  family: 'any',
  netns: undefined,
  batch: undefined,
  force: false,
};

type Change = (options: Options) => Partial<Options>;
const ofFamily =
  (family: Family): Change =>
  () => ({ family });
const unchanged: Change = () => ({});
const counted: Change = ({ statistics }) => ({ statistics: statistics + 1 });

/** Options that stand before the object, in ip.c's order: a beginning means the first that it could be. */
const FLAGS: readonly (readonly [name: string, change: Change])[] = [
  ['4', ofFamily('inet')],
  ['6', ofFamily('inet6')],
  ['0', ofFamily('link')],
  ['M', ofFamily('mpls')],
  ['B', ofFamily('bridge')],
  ['human-readable', () => ({ units: 'si' })],
  ['iec', () => ({ units: 'iec' })],
  ['stats', counted],
  ['statistics', counted],
  ['details', () => ({ details: true })],
  ['resolve', unchanged],
  ['oneline', () => ({ oneLine: true })],
  ['timestamp', unchanged],
  ['tshort', unchanged],
  ['force', () => ({ force: true })],
  ['brief', () => ({ brief: true })],
  ['color', unchanged],
  ['Numeric', () => ({ numeric: true })],
  ['all', unchanged],
  ['json', () => ({ json: true })],
  ['pretty', () => ({ pretty: true })],
  ['echo', unchanged],
];

/** These have a value behind them. */
const VALUES = ['loops', 'family', 'rcvbuf', 'netns', 'batch'] as const;

interface Parsed {
  readonly options: Options;
  readonly words: readonly string[];
}

const VERSION = 'ip utility, iproute2-6.1.0, libbpf 1.1.2\n';

const USAGE = `Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }
       ip [ -force ] -batch filename
where  OBJECT := { address | addrlabel | amt | fou | help | ila | ioam | l2tp |
                   link | macsec | maddress | monitor | mptcp | mroute | mrule |
                   neighbor | neighbour | netconf | netns | nexthop | ntable |
                   ntbl | route | rule | sr | tap | tcpmetrics |
                   token | tunnel | tuntap | vrf | xfrm }
       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] | -r[esolve] |
                    -h[uman-readable] | -iec | -j[son] | -p[retty] |
                    -f[amily] { inet | inet6 | mpls | bridge | link } |
                    -4 | -6 | -M | -B | -0 |
                    -l[oops] { maximum-addr-flush-attempts } | -br[ief] |
                    -o[neline] | -t[imestamp] | -ts[hort] | -b[atch] [filename] |
                    -rc[vbuf] [size] | -n[etns] name | -N[umeric] | -a[ll] |
                    -c[olor]}`;

const usage = (): ToolResult => failure(255, USAGE);

/** An option with a value: what it changes. @throws Refused */
function valued(name: (typeof VALUES)[number], value: string | undefined): Partial<Options> {
  if (value === undefined) refuse(usage());
  if (name === 'netns' || name === 'batch') return { [name]: value };
  if (name !== 'family') return {};
  const family = FAMILIES.find((one) => one === value && one !== 'any');
  return { family: family ?? refuse(failure(255, `Error: argument "${value}" is wrong: invalid protocol family`)) };
}

/** @throws Refused */
function parseOptions(args: readonly string[]): Parsed {
  const changes: Change[] = [];
  let at = 0;
  for (; at < args.length && args[at]?.startsWith('-') === true; at++) {
    if (args[at] === '--') {
      at += 1;
      break;
    }
    // `-color=never`: colours are not printed.
    const word = (args[at] ?? '').replace(/^--?/, '').replace(/^(c[olr]*)=(?:never|auto|always)$/, '$1');
    // `-r` is `-resolve`, `-n` is `-netns`, `-b` is `-batch`.
    const withValue = word === 'r' ? undefined : VALUES.find((name) => word !== '' && name.startsWith(word));
    if (withValue !== undefined) {
      at += 1;
      const given = valued(withValue, args[at]);
      changes.push(() => given);
      continue;
    }
    if (word !== '' && 'Version'.startsWith(word)) refuse(ok(VERSION));
    if (word === 'help' || word === 'he') refuse(usage());
    const change = FLAGS.find(([name]) => word !== '' && name.startsWith(word))?.[1];
    if (change === undefined) refuse(failure(255, `Option "${args[at]}" is unknown, try "ip -help".`));
    changes.push(change);
  }
  let options: Options = NOTHING;
  for (const change of changes) options = Object.assign({}, options, change(options));
  return { options, words: args.slice(at) };
}

const OBJECTS = ['address', 'maddress', 'link', 'route', 'rule', 'neighbour', 'neighbor', 'netns'] as const;
type IpObject = (typeof OBJECTS)[number];
/** iproute2's table: where a beginning could be several, the first of these is meant. */
const objectOf = (word: string): IpObject | undefined =>
  word === '' ? undefined : OBJECTS.find((object) => object.startsWith(word));

/** What else iproute2 6.1 has. */
const OTHER_OBJECTS = [
  'addrlabel',
  'ntable',
  'ntbl',
  'l2tp',
  'fou',
  'ila',
  'macsec',
  'tunnel',
  'tunl',
  'tuntap',
  'tap',
  'token',
  'tcpmetrics',
  'monitor',
  'xfrm',
  'mroute',
  'mrule',
  'netconf',
  'vrf',
  'sr',
  'nexthop',
  'mptcp',
  'ioam',
  'stats',
  'amt',
] as const;

const SHOW = ['show', 'list', 'lst'] as const;
const CHANGES = ['add', 'change', 'chg', 'replace', 'prepend', 'append', 'test', 'delete', 'flush', 'save', 'restore'];

/** The commands of an object, in the order in which its file asks for their beginnings. */
const VERBS: Readonly<Record<IpObject, readonly string[]>> = {
  address: ['add', 'change', 'chg', 'replace', 'delete', ...SHOW, 'flush', 'save', 'showdump', 'restore'],
  link: ['add', 'set', 'change', 'replace', 'delete', ...SHOW, 'xstats', 'afstats', 'property'],
  route: ['list', 'show', 'lst', ...CHANGES, 'get', 'showdump'],
  rule: ['list', 'lst', 'show', 'save', 'restore', 'showdump', 'add', 'delete', 'flush'],
  neighbour: ['add', 'change', 'chg', 'replace', 'delete', 'get', 'show', 'list', 'lst', 'flush'],
  neighbor: ['add', 'change', 'chg', 'replace', 'delete', 'get', 'show', 'list', 'lst', 'flush'],
  maddress: ['add', 'delete', 'list', 'show', 'lst'],
  netns: [
    'list',
    'show',
    'lst',
    'list-id',
    'add',
    'set',
    'delete',
    'identify',
    'pids',
    'exec',
    'monitor',
    'attach',
    'help',
  ],
};

/** As messages name an object. */
function commandName(object: IpObject): string {
  if (object === 'maddress') return 'maddr';
  return object.startsWith('neigh') ? 'neigh' : object;
}

function run(place: ToolPlace, { options, words }: Parsed, object: IpObject): ToolResult {
  const [word, ...args] = words;
  if (options.family === 'inet6' || words.some((one) => isIpv6(one.replace(/\/\d+$/, ''))))
    return noIpv6(`ip ${object}`, 1);
  if (word === undefined) return show(place, options, object, []);
  const verb = word === '' ? undefined : VERBS[object].find((one) => one.startsWith(word));
  if (verb === undefined) return failure(255, `Command "${word}" is unknown, try "ip ${commandName(object)} help".`);
  const form = { ...options, statistics: options.statistics > 0 };
  if (verb === 'get')
    return object === 'route' ? getRoute(place.netns, args, form) : getNeighbour(place.netns, args, form);
  if (SHOW.some((one) => one === verb)) return show(place, options, object, args);
  const answer = object === 'netns' ? askNetns(place, verb, args) : undefined;
  if (answer !== undefined) return answer;
  return failure(1, `ip ${object} ${verb}: only what shows is offered here.`);
}

function show({ netns, pod }: ToolPlace, options: Options, object: IpObject, args: readonly string[]): ToolResult {
  const { family, statistics, json } = options;
  if (object === 'netns') return listNetns({ netns, pod }, json);
  if (object === 'link') return showLinks(netns, args, options);
  if (object === 'address') return showAddresses(netns, args, options);
  if (object === 'maddress') return showGroups(netns, args, options);
  if (family !== 'any' && family !== 'inet') return ok(json ? '[]\n' : '');
  if (object === 'route') return showRoutes(netns, args, options);
  if (object === 'rule') return showRules(netns, args, options);
  return showNeighbours(netns, args, { ...options, statistics: statistics > 0 });
}

function command(where: ToolPlace, options: Options, [word = '', ...words]: readonly string[]): ToolResult {
  if (word === '' || 'help'.startsWith(word)) return usage();
  const object = objectOf(word);
  const other = OTHER_OBJECTS.find((one) => one.startsWith(word));
  if (other === 'monitor')
    return failure(1, 'ip monitor: nothing happens while it listens: ip route, ip neigh and ip link show what has.');
  if (object === undefined && other !== undefined) return failure(1, `ip ${other}: not modelled.`);
  if (object === undefined) return failure(1, `Object "${word}" is unknown, try "ip help".`);
  return run(where, { options, words }, object);
}

export const ip: Tool = (place, args, input = '') =>
  unlessRefused(() => {
    const { options, words } = parseOptions(args);
    const { netns: name, batch, force } = options;
    const netns = name === undefined ? place.netns : place.netns.host.namedNetns(name);
    if (netns === undefined) return failure(255, `Cannot open network namespace "${name}": No such file or directory`);
    const where = { ...place, netns };
    if (batch === undefined) return command(where, options, words);
    return runBatch(place, { file: batch, force }, input, (line) => unlessRefused(() => command(where, options, line)));
  });
