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
import { failure, lines, ok, type Tool, type ToolResult } from './tool.js';

/** prio2band of net/sched/sch_generic.c. */
const PRIOMAP = '1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1';

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

function burstOf({ rate, burst }: TokenBucketState): number {
  const ticks = Math.floor((burst * NS_PER_S) / (rate * TICK_NS));
  return Math.floor((ticks * TICK_NS * rate) / NS_PER_S);
}

/** tbf_print_opt(): how long the last octet that may wait does so. */
function bucketText({ state }: TokenBucket): string {
  const { rate, burst, limit } = state;
  const latencyUs = Math.round(((limit - burst) / rate) * (NS_PER_S / NS_PER_US));
  return `rate ${rateText(rate)} burst ${sizeText(burstOf(state))} lat ${timeText(latencyUs)} `;
}

/** A device that hands packets on at once counts none. */
function statistics({ counters, qdisc }: Device, kind: string): readonly string[] {
  const counts = kind === 'noqueue' ? { txBytes: 0, txPackets: 0 } : counters;
  const { dropped = 0, overlimits = 0, waiting = { octets: 0, packets: 0 } } = qdisc ?? {};
  return [
    ` Sent ${counts.txBytes} bytes ${counts.txPackets} pkt (dropped ${dropped}, overlimits ${overlimits} requeues 0) `,
    ` backlog ${waiting.octets}b ${waiting.packets}p requeues 0`,
  ];
}

/** Differs: a device has one queue, since the virtual machine has one processor. */
function qdiscRows(dev: Device, form: { named: boolean; statistics: boolean }): readonly string[] {
  const kind = qdiscOf(dev);
  if (kind === 'noop') return [];
  const options =
    dev.qdisc === undefined ? (kind === 'pfifo_fast' ? `bands 3 priomap ${PRIOMAP}` : '') : bucketText(dev.qdisc);
  const handle = dev.qdisc === undefined ? '0:' : '1:';
  const row = `qdisc ${kind} ${handle} ${form.named ? `dev ${dev.name} ` : ''}root refcnt 2 ${options}`;
  return form.statistics ? [row, ...statistics(dev, kind)] : [row];
}

const OBJECTS = ['qdisc', 'class', 'filter', 'chain', 'action', 'monitor', 'exec'] as const;
const SHOW = ['show', 'list', 'lst', 'ls'] as const;
const CHANGES = ['add', 'change', 'replace', 'link', 'delete'] as const;

/** What stands behind `show`: `dev NAME`, and where in the device, which is the root here. */
function deviceOf(netns: Netns, words: readonly string[], object: string): Device | ToolResult | undefined {
  let dev: Device | undefined;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (word === 'dev') {
      i += 1;
      const name = words[i] ?? '';
      dev = netns.devices.named(name);
      if (dev === undefined) return failure(1, `Cannot find device "${name}"`);
    } else if (word !== 'root') return failure(255, `What is "${word}"? Try "tc ${object} help".`);
  }
  return dev;
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

export const tc: Tool = ({ netns }, args) => {
  const options = args.filter(
    (word, i) => word.startsWith('-') && args.slice(0, i).every((one) => one.startsWith('-')),
  );
  const [objectWord = '', verb = 'show', ...words] = args.slice(options.length);
  if (options.includes('-V')) return ok('tc utility, iproute2-6.1.0, libbpf 1.1.2\n');
  const unknown = options.find((word) => !/^-(?:s|st.*|d|de.*|o|oneline)$/.test(word));
  if (unknown !== undefined && !/^-(?:r|raw|j|json|p|pretty|c.*|n|netns|N|br.*)$/.test(unknown))
    return failure(255, `Option "${unknown}" is unknown, try "tc -help".`);
  if (unknown !== undefined) return failure(255, `tc: ${unknown}: only -s is offered here`);
  if (objectWord === '' || objectWord === 'help') return { exitCode: 0, stdout: '', stderr: USAGE };
  const object = objectWord === '' ? undefined : OBJECTS.find((one) => one.startsWith(objectWord));
  if (object === undefined) return failure(255, `Object "${objectWord}" is unknown, try "tc help".`);
  if (object !== 'qdisc' && object !== 'class' && object !== 'filter') return failure(2, `tc ${object}: not modelled`);
  const change = CHANGES.find((one) => one.startsWith(verb));
  if (change !== undefined) return failure(2, `tc ${object} ${change}: only what shows is offered here`);
  if (!SHOW.some((one) => one.startsWith(verb)))
    return failure(255, `Command "${verb}" is unknown, try "tc ${object} help".`);
  const dev = deviceOf(netns, words, object);
  if (dev !== undefined && 'exitCode' in dev) return dev;
  if (object === 'filter') return ok('');
  // A token bucket has one class, for what waits in it.
  if (object === 'class') return ok(dev?.qdisc === undefined ? '' : 'class tbf 1:1 parent 1: \n');
  const form = { named: dev === undefined, statistics: options.some((word) => word.startsWith('-s')) };
  const devices = dev === undefined ? devicesOf(netns) : [dev];
  return ok(lines(devices.flatMap((one) => qdiscRows(one, form))));
};
