/** The same gateway in the real kernel: a namespace with two veth pairs, whose far ends a Python process plays. */

import { spawnSync } from 'node:child_process';
import { fromHex, toHex } from '../../../src/packet/index.js';

/** The side of the gateway that a packet comes in on: `a` is 10.0.1.0/24, `b` 10.0.2.0/24. */
export type Side = 'a' | 'b';

export interface Sent {
  readonly side: Side;
  readonly bytes: Uint8Array;
}

const NAME = `pw-ct-${process.pid}`;
const PEERS = `${NAME}-p`;
const MAC = { a: '02:00:00:00:0a:02', b: '02:00:00:00:0b:02' } as const;
const GATEWAY_MAC = { a: '02:00:00:00:0a:01', b: '02:00:00:00:0b:01' } as const;
const HOSTS = { a: ['10.0.1.2', '10.0.1.3'], b: ['10.0.2.2', '10.0.2.3'] } as const;

/** Sends the lines of its input, `a HEX` or `b HEX`, and prints what comes back until it is quiet. */
const EXCHANGE = `
import select, socket, sys
out = {}
for side in 'ab':
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    s.bind(('p' + side, 0))
    out[s] = side
by = {side: s for s, side in out.items()}
for line in sys.stdin:
    side, text = line.split()
    by[side].send(bytes.fromhex(text))
quiet = 0.08
while True:
    ready, _, _ = select.select(list(out), [], [], quiet)
    if not ready: break
    for s in ready:
        data, address = s.recvfrom(65535)
        if address[2] != 4 and data[12:14] == b'\\x08\\x00': print(out[s], data[14:].hex())
`;

/** Receive checksum offload off, so that veth does not vouch for packets that nobody has verified. */
const NO_OFFLOAD = `
import array, fcntl, socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for name in (b'ga', b'gb'):
    value = array.array('B', struct.pack('II', 0x15, 0))
    fcntl.ioctl(s, 0x8946, struct.pack('16sP', name, value.buffer_info()[0]))
`;

function run(command: string, args: readonly string[], input = ''): string {
  const result = spawnSync(command, args, { input, encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

const inside = (netns: string, command: string, args: readonly string[], input = ''): string =>
  run('ip', ['netns', 'exec', netns, command, ...args], input);

/** Why the real kernel cannot be asked, or undefined where it can. */
export function unavailable(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  for (const tool of ['ip', 'iptables', 'conntrack', 'python3', 'sysctl']) {
    if (spawnSync(tool, ['--version']).error !== undefined) return `needs ${tool}`;
  }
  const made = spawnSync('ip', ['netns', 'add', `${NAME}-try`]);
  spawnSync('ip', ['netns', 'del', `${NAME}-try`]);
  return made.status === 0 ? undefined : 'needs network namespaces';
}

export class RealGateway {
  /** `rules` in iptables' words, without the command: `-t nat -A POSTROUTING -o gb -j MASQUERADE`. */
  constructor(rules: readonly string[]) {
    this.close();
    for (const netns of [NAME, PEERS]) run('ip', ['netns', 'add', netns]);
    for (const side of ['a', 'b'] as const) {
      const ends = ['type', 'veth', 'peer', 'name', `p${side}`, 'address', MAC[side], 'netns', PEERS];
      run('ip', ['-n', NAME, 'link', 'add', `g${side}`, 'address', GATEWAY_MAC[side], ...ends]);
      run('ip', ['-n', NAME, 'link', 'set', `g${side}`, 'up']);
      run('ip', ['-n', PEERS, 'link', 'set', `p${side}`, 'up']);
      run('ip', ['-n', NAME, 'addr', 'add', `10.0.${side === 'a' ? 1 : 2}.1/24`, 'dev', `g${side}`]);
      for (const host of HOSTS[side]) {
        run('ip', ['-n', NAME, 'neigh', 'add', host, 'lladdr', MAC[side], 'dev', `g${side}`, 'nud', 'permanent']);
      }
    }
    // Addresses that are translated: whatever is not is forwarded all the same, and seen.
    run('ip', ['-n', NAME, 'route', 'add', '10.0.9.0/24', 'via', '10.0.2.2']);
    run('ip', ['-n', NAME, 'route', 'add', '10.0.7.0/24', 'via', '10.0.1.2']);
    this.sysctl('net.ipv4.ip_forward', 1);
    for (const dev of ['all', 'ga', 'gb']) this.sysctl(`net.ipv4.conf.${dev}.rp_filter`, 0);
    inside(NAME, 'python3', ['-c', NO_OFFLOAD]);
    for (const rule of rules) inside(NAME, 'iptables', rule.split(' '));
  }

  sysctl(path: string, value: number): void {
    inside(NAME, 'sysctl', ['-qw', `${path}=${value}`]);
  }

  iptables(rule: string): string {
    return inside(NAME, 'iptables', rule.split(' '));
  }

  conntrack(...args: readonly string[]): string {
    return inside(NAME, 'conntrack', args);
  }

  /** Sends all, and returns all that came out. */
  exchange(packets: readonly Sent[]): Sent[] {
    const lines = packets.map(({ side, bytes }) => {
      const header = `${GATEWAY_MAC[side]}${MAC[side]}`.replaceAll(':', '');
      return `${side} ${header}0800${toHex(bytes)}\n`;
    });
    const output = inside(PEERS, 'python3', ['-c', EXCHANGE], lines.join(''));
    return output
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [side, hex = ''] = line.split(' ');
        return { side: side === 'a' ? 'a' : 'b', bytes: fromHex(hex) ?? new Uint8Array() };
      });
  }

  /** `conntrack -L`, sorted. */
  list(): string[] {
    return this.conntrack('-L')
      .split('\n')
      .filter((line) => line !== '')
      .toSorted();
  }

  close(): void {
    for (const netns of [NAME, PEERS]) spawnSync('ip', ['netns', 'del', netns]);
  }
}
