/** `tc qdisc|class|filter show` of iproute2 6.1: what each device queues by. */

import {
  type Device,
  type Netns,
  NS_PER_S,
  NS_PER_US,
  type TokenBucket,
  type TokenBucketState,
} from '../kernel/index.js';
import { devicesOf, qdiscOf } from './ip/device.js';
import { printRows, Row } from './ip/row.js';
import { failure, ok, type Tool, type ToolResult } from './tool.js';

/** prio2band of net/sched/sch_generic.c. */
const PRIOMAP = [1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1] as const;

/** print_rate(): in the largest unit that leaves nothing over, or four digits. */
function rateText(octets: number): string {
  let rate = octets * 8;
  let unit = 0;
  while (unit < 4 && rate >= 1_000 && (rate % 1_000 === 0 || rate >= 1_000_000)) {
    rate = Math.floor(rate / 1_000);
    unit += 1;
  }
  return `${rate}${['', 'K', 'M', 'G', 'T'][unit] ?? ''}bit`;
}

/** print_size(): what is nearly a whole number of larger units is one. */
function sizeText(octets: number): string {
  const near = (unit: number, by: number): boolean =>
    octets >= unit && Math.abs(unit * Math.round(octets / unit) - octets) < by;
  if (near(2 ** 20, 1_024)) return `${Math.round(octets / 2 ** 20)}Mb`;
  return near(1_024, 16) ? `${Math.round(octets / 1_024)}Kb` : `${octets}b`;
}

/** print_time() */
function timeText(us: number): string {
  if (us >= 1e6) return `${Number((us / 1e6).toPrecision(3))}s`;
  return us >= 1_000 ? `${Number((us / 1_000).toPrecision(3))}ms` : `${us}us`;
}

/** PSCHED_SHIFT: the kernel keeps a burst as the time that it takes, in ticks. */
const TICK_NS = 64;
const US_PER_S = NS_PER_S / NS_PER_US;

/** tc_core_tick2time(): how long a full bucket takes, in whole microseconds. */
const burstUs = ({ rate, burst }: TokenBucketState): number =>
  Math.floor((Math.floor((burst * NS_PER_S) / (rate * TICK_NS)) * TICK_NS) / NS_PER_US);

/** tbf_print_opt(): how long the last octet that may wait does so. */
function tokenBucket(row: Row, { state }: TokenBucket, details: boolean): Row {
  const { rate, limit } = state;
  const fullUs = burstUs(state);
  const latencyUs = Math.floor((Math.floor(limit) / rate) * US_PER_S - fullUs);
  const octets = Math.floor((rate * fullUs) / US_PER_S);
  const size = sizeText(octets);
  const options = { rate, burst: details ? `${size}/1` : octets, ...(details ? { mpu: 0 } : {}), lat: latencyUs };
  row.note('options', details ? { ...options, linklayer: 'ethernet' } : options);
  const cell = details ? '/1 mpu 0b' : '';
  row.say(`rate ${rateText(rate)} burst ${size}${cell} lat ${timeText(latencyUs)} `);
  return details ? row.say('linklayer ethernet ') : row;
}

/** A device that hands packets on at once counts none. */
function addStatistics(row: Row, { counters, qdisc }: Device, kind: string): void {
  const { txBytes, txPackets } = kind === 'noqueue' ? { txBytes: 0, txPackets: 0 } : counters;
  const { dropped = 0, overlimits = 0, waiting = { octets: 0, packets: 0 } } = qdisc ?? {};
  row
    .say('\n')
    .add('bytes', txBytes, ` Sent ${txBytes} bytes`)
    .add('packets', txPackets, ` ${txPackets} pkt`)
    .add('drops', dropped, ` (dropped ${dropped}`)
    .add('overlimits', overlimits, `, overlimits ${overlimits}`)
    .add('requeues', 0, ' requeues 0) ')
    .add('backlog', waiting.octets, `\n backlog ${waiting.octets}b`)
    .add('qlen', waiting.packets, ` ${waiting.packets}p`)
    .say(' requeues 0');
}

interface Shown {
  readonly named: boolean;
  readonly statistics: boolean;
  readonly details: boolean;
}

/** Differs: a device has one queue, since the virtual machine has one processor. */
function qdiscRows(dev: Device, shown: Shown): readonly Row[] {
  const kind = qdiscOf(dev);
  if (kind === 'noop') return [];
  const handle = dev.qdisc === undefined ? '0:' : '1:';
  const row = new Row().add('kind', kind, `qdisc ${kind} `).add('handle', handle, `${handle} `);
  if (shown.named) row.add('dev', dev.name, `dev ${dev.name} `);
  row.add('root', true, 'root ').add('refcnt', 2, 'refcnt 2 ');
  if (dev.qdisc !== undefined) tokenBucket(row, dev.qdisc, shown.details);
  else if (kind === 'pfifo_fast')
    row.add('options', { bands: 3, priomap: PRIOMAP, multiqueue: false }, `bands 3 priomap ${PRIOMAP.join(' ')}`);
  else row.note('options', {});
  if (shown.statistics) addStatistics(row, dev, kind);
  return [row];
}

const OBJECTS = ['qdisc', 'class', 'filter', 'chain', 'action', 'monitor', 'exec'] as const;
const SHOW = ['show', 'list', 'lst', 'ls'] as const;
const CHANGES = ['add', 'change', 'replace', 'link', 'delete'] as const;

interface Where {
  readonly dev: Device | undefined;
  /** Of the root, where all is that there is here. */
  readonly atRoot: boolean;
}

/** Beside the root, where packets may be looked at on their way in or out. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  qdisc: ['ingress', 'clsact'],
  filter: ['ingress', 'egress'],
};

/** What stands behind `show`: `dev NAME`, and where in the device. */
function whereOf(netns: Netns, words: readonly string[], object: string): Where | ToolResult {
  let dev: Device | undefined;
  let atRoot = true;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (word === 'dev') {
      i += 1;
      const name = words[i] ?? '';
      dev = netns.devices.named(name);
      if (dev === undefined) return failure(1, `Cannot find device "${name}"`);
    } else if (ELSEWHERE[object]?.includes(word) === true) atRoot = false;
    else if (word !== 'root') return failure(255, `What is "${word}"? Try "tc ${object} help".`);
  }
  return { dev, atRoot };
}

const USAGE = `Usage:\ttc [ OPTIONS ] OBJECT { COMMAND | help }
\ttc [-force] -batch filename
where  OBJECT := { qdisc | class | filter | chain |
\t\t    action | monitor | exec }
       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] | -r[aw] |
\t\t    -o[neline] | -j[son] | -p[retty] | -c[olor]
\t\t    -b[atch] [filename] | -n[etns] name | -N[umeric] |
\t\t     -nm | -nam[es] | { -cf | -conf } path
\t\t     -br[ief] }
`;

/** In tc.c's order: a beginning means the first that it could be. */
const FLAGS = ['statistics', 'stats', 'details', 'raw', 'pretty', 'oneline', 'json'] as const;
/** They are tc's, and change what is not here. */
const NOT_OFFERED = /^-(?:r|raw|c.*|n|netns|N|br.*)$/;

type Flag = (typeof FLAGS)[number];

/** The flags that are given, or what is wrong with one. */
function readFlags(words: readonly string[]): ReadonlySet<Flag> | ToolResult {
  const flags = new Set<Flag>();
  for (const word of words) {
    if (NOT_OFFERED.test(word)) return failure(255, `tc: ${word}: only -s, -d, -j and -p are offered here`);
    const flag = word === '-' ? undefined : FLAGS.find((one) => one.startsWith(word.slice(1)));
    if (flag === undefined) return failure(255, `Option "${word}" is unknown, try "tc -help".`);
    flags.add(flag);
  }
  return flags;
}

const isRefusal = (read: object): read is ToolResult => 'exitCode' in read;

function show(object: 'qdisc' | 'class' | 'filter', { dev, atRoot }: Where, context: Context): ToolResult {
  const { netns, flags } = context;
  const statistics = flags.has('statistics') || flags.has('stats');
  const form = { json: flags.has('json'), pretty: flags.has('pretty'), oneLine: false };
  // A token bucket has one class, for what waits in it, which tc 6.1 prints as text in any case.
  if (object === 'class')
    return ok(dev?.qdisc === undefined ? '' : `class tbf 1:1 parent 1: \n${statistics ? '\n' : ''}`);
  if (object === 'filter' || !atRoot) return ok(printRows([], form));
  const shown = { named: dev === undefined, statistics, details: flags.has('details') };
  const devices = dev === undefined ? devicesOf(netns) : [dev];
  return ok(
    printRows(
      devices.flatMap((one) => qdiscRows(one, shown)),
      form,
    ),
  );
}

interface Context {
  readonly netns: Netns;
  readonly flags: ReadonlySet<Flag>;
}

export const tc: Tool = ({ netns }, args) => {
  const options = args.filter(
    (word, i) => word.startsWith('-') && args.slice(0, i).every((one) => one.startsWith('-')),
  );
  const [objectWord = '', verb = 'show', ...words] = args.slice(options.length);
  if (options.includes('-V')) return ok('tc utility, iproute2-6.1.0, libbpf 1.1.2\n');
  const flags = readFlags(options);
  if (isRefusal(flags)) return flags;
  if (objectWord === '' || objectWord === 'help') return { exitCode: 0, stdout: '', stderr: USAGE };
  const object = OBJECTS.find((one) => one.startsWith(objectWord));
  if (object === undefined) return failure(255, `Object "${objectWord}" is unknown, try "tc help".`);
  if (object !== 'qdisc' && object !== 'class' && object !== 'filter') return failure(2, `tc ${object}: not modelled`);
  const change = CHANGES.find((one) => one.startsWith(verb));
  if (change !== undefined) return failure(2, `tc ${object} ${change}: only what shows is offered here`);
  if (!SHOW.some((one) => one.startsWith(verb)))
    return failure(255, `Command "${verb}" is unknown, try "tc ${object} help".`);
  const where = whereOf(netns, words, object);
  return isRefusal(where) ? where : show(object, where, { netns, flags });
};
