/**
 * A node of the virtual kernel with the addresses of a vector's node and kube-proxy's rules, and packets through it as
 * upstream's tracer reads them: all ways that chance may take, none remembered from before.
 */

import { Emulation, Host, type Netns, type Skb } from '../../../src/kernel/index.js';
import { ensureJumps, type IptablesSettings } from '../../../src/kube-proxy/index.js';
import type { Place, Step, Tracer } from '../../../src/trace/index.js';
import {
  encodeIpv4,
  encodeTcp,
  encodeUdp,
  ETHERTYPE,
  formatIpv4,
  type Ipv4Addr,
  parseIpv4,
  parseIpv4Prefix,
  pseudoHeaderSum,
  Tcp,
  TCP_SYN,
  Udp,
} from '../../../src/packet/index.js';
import type { Json } from '../calico/vectors.js';

export interface Flow {
  readonly sourceIP: string;
  readonly protocol: string;
  readonly destIP: string;
  readonly destPort: number;
}

export interface FlowResult {
  /** Endpoints in the order in which rules name them; or REJECT, DROP, or nothing. */
  readonly output: string;
  readonly masq: boolean;
}

const MASQUERADE = 0x4000;
const IP_HEADER = 20;
const SOURCE_PORT = 40_000;

const requireIpv4 = (text: string): Ipv4Addr => {
  const address = parseIpv4(text);
  if (address === undefined) throw new TypeError(`${text} is no IPv4 address`);
  return address;
};

/** What rules said of one packet. */
class Watcher implements Tracer {
  readonly decisions: { readonly chain: string; readonly text: string; readonly outcome: string }[] = [];

  step(_place: Place, _skb: unknown, step: Step): void {
    if (step.kind !== 'rule') return;
    this.decisions.push({ chain: step.chain, text: step.rule?.toString() ?? '', outcome: step.outcome });
  }
}

export class FlowNode {
  readonly netns: Netns;
  readonly #settings: IptablesSettings;

  constructor(settings: IptablesSettings, addresses: readonly (readonly [string, readonly string[]])[]) {
    this.#settings = settings;
    this.netns = new Host(new Emulation(), settings.node.name).netns;
    const { links, fib } = this.netns;
    links.set(links.require('lo'), { up: true });
    for (const [device, texts] of addresses) {
      const dev = device === 'lo' ? links.require('lo') : links.addEthernet({ name: device });
      links.set(dev, { up: true });
      for (const text of texts) {
        const prefix = parseIpv4Prefix(text);
        const there = dev.addresses.some(({ address }) => address === prefix?.addr);
        if (prefix !== undefined && !there) fib.addAddress(dev, { address: prefix.addr, prefixLength: prefix.length });
      }
    }
    for (const name of settings.counters) this.netns.netfilter.nfacct.ensure(name);
    if (settings.family === 'IPv4') this.ensureJumps();
  }

  ensureJumps(): void {
    const problems = ensureJumps(this.netns, { localhostNodePorts: this.#settings.localhostNodePorts, because: [] });
    if (problems.length > 0) throw new Error(problems.join('; '));
  }

  get natChains(): string[] {
    return [...(this.netns.netfilter.iptables.table('nat')?.chains.keys() ?? [])];
  }

  /** As kube-proxy hands it over; what is wrong with it, line by line. IPv6 texts have no kernel to go to. */
  restore(text: string): readonly string[] {
    if (this.#settings.family !== 'IPv4') return [];
    return this.netns.netfilter.iptables
      .restore(text, { noflush: true, counters: true })
      .map(({ line, message }) => `line ${line}: ${message}`);
  }

  /** A rule that somebody else puts into one of kube-proxy's chains. */
  appendForeign(event: Json): void {
    const [table, chain, rule] = ['table', 'chain', 'rule'].map((key) => event.get(key).text());
    const problems = this.restore(`*${table}\n-A ${chain} ${rule}\nCOMMIT\n`);
    if (problems.length > 0) throw new Error(problems.join('; '));
  }

  #packet(flow: Flow): Skb {
    const tcp = flow.protocol.toLowerCase() === 'tcp';
    const length = tcp ? 20 : 8;
    const source = requireIpv4(flow.sourceIP);
    const destination = requireIpv4(flow.destIP);
    const protocol = tcp ? 6 : 17;
    const skb = this.netns.emulation.allocSkb(IP_HEADER + length);
    const { view, data } = skb;
    const transport = data + IP_HEADER;
    const ports = { sourcePort: SOURCE_PORT, destinationPort: flow.destPort };
    encodeIpv4(view, data, { source, destination, protocol, payloadLength: length });
    const pseudo = pseudoHeaderSum(source, destination, protocol, length);
    if (tcp) {
      encodeTcp(view, transport, { ...ports, sequence: 1, flags: TCP_SYN, window: 65_535 });
      new Tcp(view, transport).fillChecksum(pseudo, transport + length);
    } else {
      encodeUdp(view, transport, { ...ports, payloadLength: 0 });
      new Udp(view, transport).fillChecksum(pseudo);
    }
    skb.tail = transport + length;
    skb.network = data;
    skb.transport = transport;
    skb.protocol = ETHERTYPE.ipv4;
    return skb;
  }

  /** Every branch of the random rules once: the k-th packet takes the k-th chance that it is given. */
  run(flow: Flow): FlowResult {
    const outputs: string[] = [];
    let masq = false;
    for (let k = 0; ; k += 1) {
      let asked = 0;
      this.netns.netfilter.choose = () => asked++ === k;
      const { output, mark } = this.#once(flow);
      masq ||= (mark & MASQUERADE) !== 0;
      if (output !== '') outputs.push(output);
      // The last endpoint is taken without a chance.
      if (asked <= k) return { output: outputs.join(', '), masq };
    }
  }

  #once(flow: Flow): { readonly output: string; readonly mark: number } {
    const { conntrack, netfilter, emulation, fib, devices } = this.netns;
    conntrack.flush();
    for (const name of netfilter.recent.names) netfilter.recent.get(name)?.flush();
    const skb = this.#packet(flow);
    const dev = devices.named('eth0');
    const watcher = new Watcher();
    emulation.tracer = watcher;
    try {
      const verdict = netfilter.run('prerouting', skb, dev, undefined);
      const { destination } = skb.ipv4;
      const hook = fib.addressType(destination) === 'local' ? 'input' : 'forward';
      if (verdict === 'accept') netfilter.run(hook, skb, dev, hook === 'forward' ? dev : undefined);
      return { output: outputOf(watcher, flow, skb), mark: skb.mark };
    } finally {
      emulation.tracer = undefined;
    }
  }
}

/** The first thing that ended the packet's way, or where it was sent. */
function outputOf({ decisions }: Watcher, flow: Flow, skb: Skb): string {
  const end = decisions.find(({ text }) => /-j (REJECT|DROP)\b/.test(text));
  if (end !== undefined) return end.text.includes('-j REJECT') ? 'REJECT' : 'DROP';
  const { destination } = skb.ipv4;
  const port = skb.view.getUint16(skb.network + IP_HEADER + 2);
  if (formatIpv4(destination) !== flow.destIP || port !== flow.destPort) return `${formatIpv4(destination)}:${port}`;
  const accepted = decisions.some(({ chain, outcome }) => chain === 'KUBE-NODEPORTS' && outcome === 'accept');
  return accepted ? 'ACCEPT' : '';
}
