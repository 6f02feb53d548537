/**
 * `podwire export netns`: a bash script that rebuilds the programmed state of hosts as network namespaces of a real
 * Linux machine, and takes them down again. Its one argument is `up` (the default) or `down`.
 */

import type { HostState, IptablesTableState, NetnsState } from '../../kernel/index.js';
import {
  addressLines,
  fdbLines,
  linkLines,
  linkSetLines,
  neighbourLines,
  routeLines,
  ruleLines,
  vlanLines,
} from './ip-lines.js';
import { echoServer, listenWords } from './listen.js';
import { counterNames, NFACCT_ADD } from './nfacct.js';
import { quote, withInput } from './shell.js';
import { freshSwitchLines, switchLines } from './sysctl-lines.js';
import { Wire, type WirePlan } from './wire.js';

export interface NetnsExport {
  readonly hosts: readonly HostState[];
  readonly wire: WirePlan;
  /** Before every namespace's name. */
  readonly prefix: string;
  /** What people call a namespace of a host: `node/node1`, `pod/default/client`. */
  readonly nameOf: (place: { readonly host: string; readonly netns: string }) => string;
}

/** A namespace of the state with the name that it has on the real machine. */
interface Space {
  readonly host: HostState;
  readonly netns: NetnsState;
  readonly name: string;
}

const PROLOGUE = `set -euo pipefail

# Without the tunnels that modules bring into every namespace (tunl0, sit0): what there is, the state says.
namespaces() { # NAMESPACE...
  local switch=/proc/sys/net/core/fb_tunnels_only_for_init_net before='' netns
  if [[ -w "$switch" ]]; then
    before=$(< "$switch")
    ((before != 0)) || echo 1 > "$switch"
  fi
  for netns; do ip netns add "$netns"; done
  # Loaded later, it would come into those namespaces after all.
  ((!IPIP)) || modprobe -q ipip || true
  [[ -z "$before" ]] || echo "$before" > "$switch"
}

switches() { # NAMESPACE; lines "PATH VALUE" on standard input
  ip netns exec "$1" sh -c 'while read -r path value; do
    { echo "$value" > "/proc/sys/$path"; } 2> /dev/null || echo "$0: not set: $path $value" >&2
  done' "$1"
}

# Checksums are written where packets are made, as on a wire, and not left to a card that is not there.
written_checksums() { # NAMESPACE
  command -v ethtool > /dev/null || return 0
  ip netns exec "$1" sh -c 'for dev in $(ls /sys/class/net); do ethtool -K "$dev" rx off tx off; done' > /dev/null 2>&1 || true
}

# A bridge hears of a carrier a moment later, and forwards nothing before.
forwarding() { # NAMESPACE
  local tries
  for tries in {1..50}; do
    bridge -n "$1" link show | grep -q 'state disabled' || return 0
    sleep 0.02
  done
}

counters() { # NAMESPACE NAME...
  ip netns exec "$1" python3 -c "$NFACCT_ADD" "\${@:2}" 2> /dev/null || echo "$1: no counters here: \${*:2}" >&2
}

shape() { # NAMESPACE DEVICE QDISC...
  tc -n "$1" qdisc add dev "$2" root "\${@:3}" 2> /dev/null || echo "$1: this kernel has no: \${*:3} (device $2)" >&2
}

listen() { # NAMESPACE PROTOCOL:ADDRESS:PORT...
  if ! command -v python3 > /dev/null; then echo "$1: nothing listens, for there is no python3" >&2; return 0; fi
  local ready
  exec {ready}< <(exec setsid ip netns exec "$1" python3 -c "$ECHO_SERVER" "\${@:2}" < /dev/null 2> /dev/null)
  read -r -t 10 <&"$ready" || echo "$1: the server did not start" >&2
  exec {ready}<&-
}`;

/** A valid file name of what people call the place. */
const fileName = (text: string): string => text.replaceAll('/', '.').replaceAll(/[^\w.-]/g, '_');

export const netnsFileName = (prefix: string, called: string): string => `${prefix}-${fileName(called)}`;

export function exportNetns(what: NetnsExport): string {
  return new Script(what).text();
}

class Script {
  readonly #spaces: readonly Space[];
  readonly #wireNetns: string;
  readonly #wire: Wire;
  readonly #names = new Map<NetnsState, string>();

  constructor({ hosts, wire, prefix, nameOf }: NetnsExport) {
    this.#wire = new Wire(wire, hosts);
    this.#wireNetns = `${prefix}-wire`;
    this.#spaces = hosts.flatMap((host) =>
      host.netns.map((netns) => ({
        host,
        netns,
        name: netnsFileName(prefix, nameOf({ host: host.name, netns: netns.name })),
      })),
    );
    for (const { netns, name } of this.#spaces) this.#names.set(netns, name);
  }

  text(): string {
    const up = [
      ...this.#namespaces(),
      ...this.#links(),
      ...this.#ups(),
      ...this.#addressesAndRoutes(),
      ...this.#firewall(),
      ...this.#cables(),
      ...this.#listeners(),
      ...this.#bridges(),
    ];
    const all = [this.#wireNetns, ...this.#spaces.map(({ name }) => name)];
    const lines = [
      '#!/usr/bin/env bash',
      '# The programmed state of an emulated cluster as network namespaces. Run it as root: bash THIS [up|down].',
      '#',
      ...this.#spaces.map(({ name, host, netns }) => `#   ${name}  ${host.name}${netns.name && `, ${netns.name}`}`),
      `#   ${this.#wireNetns}  switches and cables`,
      '',
      PROLOGUE,
      '',
      `readonly ECHO_SERVER=${quote(echoServer(this.#spaces.flatMap(({ netns }) => listenWords(netns.listeners))))}`,
      `readonly IPIP=${this.#spaces.some(({ netns }) => netns.links.some(({ kind }) => kind === 'ipip')) ? 1 : 0}`,
      `readonly NFACCT_ADD=${quote(NFACCT_ADD)}`,
      `readonly NAMESPACES=(${all.map(quote).join(' ')})`,
      '',
      'down() {',
      '  local netns pids',
      '  for netns in "${NAMESPACES[@]}"; do',
      '    [[ -e "/run/netns/$netns" ]] || continue',
      '    mapfile -t pids < <(ip netns pids "$netns")',
      '    ((${#pids[@]} == 0)) || kill "${pids[@]}" 2> /dev/null || true',
      '    ip netns del "$netns"',
      '  done',
      '}',
      '',
      'up() {',
      ...up,
      '}',
      '',
      'case "${1:-up}" in',
      '  up) trap \'status=$?; if ((status != 0)); then echo "failed, taking everything down" >&2; down; fi\' EXIT; up ;;',
      '  down) down ;;',
      '  *) echo "usage: $0 [up|down]" >&2; exit 2 ;;',
      'esac',
    ];
    return `${lines.join('\n')}\n`;
  }

  #batch(name: string, lines: readonly string[]): string[] {
    return withInput(`ip -n ${quote(name)} -batch -`, lines);
  }

  #namespaces(): string[] {
    const quiet = ['net/ipv6/conf/all/disable_ipv6 1', 'net/ipv6/conf/default/disable_ipv6 1'];
    return [
      `namespaces ${[this.#wireNetns, ...this.#spaces.map(({ name }) => name)].map(quote).join(' ')}`,
      ...withInput(`switches ${quote(this.#wireNetns)}`, [...quiet, ...freshSwitchLines()]),
      ...this.#spaces.flatMap(({ name }) => withInput(`switches ${quote(name)}`, [...quiet, ...freshSwitchLines()])),
    ];
  }

  #links(): string[] {
    return [
      ...this.#batch(this.#wireNetns, this.#wire.switchLines()),
      ...this.#spaces.flatMap(({ host, netns, name }) =>
        this.#batch(
          name,
          linkLines(host, netns, {
            netns: (other) => this.#nameIn(host, other),
            cableEnd: (link) => this.#wire.cableEnd(host.name, link, this.#wireNetns),
          }),
        ),
      ),
    ];
  }

  #nameIn(host: HostState, netns: string): string {
    const state = host.netns.find(({ name }) => name === netns);
    return (state && this.#names.get(state)) ?? netns;
  }

  #ups(): string[] {
    return [
      ...this.#batch(this.#wireNetns, this.#wire.portLines()),
      `written_checksums ${quote(this.#wireNetns)}`,
      ...this.#spaces.flatMap(({ netns, name }) => [
        `written_checksums ${quote(name)}`,
        ...withInput(`switches ${quote(name)}`, switchLines(netns)),
        ...this.#batch(name, linkSetLines(netns)),
      ]),
      ...withInput(`bridge -n ${quote(this.#wireNetns)} -batch -`, this.#wire.fdbLines()),
    ];
  }

  #addressesAndRoutes(): string[] {
    return this.#spaces.flatMap(({ netns, name }) => [
      ...this.#batch(name, [
        ...addressLines(netns.addresses),
        ...routeLines(netns.routes),
        ...ruleLines(netns.rules),
        ...neighbourLines(netns.neighbours),
      ]),
      ...withInput(`bridge -n ${quote(name)} -batch -`, [...vlanLines(netns.links), ...fdbLines(netns.fdb)]),
    ]);
  }

  #firewall(): string[] {
    return this.#spaces.flatMap(({ netns, name }) => [
      ...withInput(
        `ip netns exec ${quote(name)} ipset restore`,
        netns.ipsets.flatMap((set) => [
          `create ${set.name} ${set.type} ${set.options}`.trimEnd(),
          ...set.members.map((member) => `add ${set.name} ${member}`),
        ]),
      ),
      ...counterNames(netns.iptables).map((counter) => `counters ${quote(name)} ${quote(counter)}`),
      ...withInput(`ip netns exec ${quote(name)} iptables-restore`, netns.iptables.flatMap(tableLines)),
    ]);
  }

  #cables(): string[] {
    const ownNetns = (host: string): string => this.#spaces.find((one) => one.host.name === host)?.name ?? host;
    return [
      ...this.#wire
        .netem()
        .map(
          ({ host, dev, words }) =>
            `shape ${quote(host === undefined ? this.#wireNetns : ownNetns(host))} ${dev} ${words}`,
        ),
      ...this.#spaces.flatMap(({ netns, name }) =>
        netns.links.flatMap(({ name: dev, qdisc }) =>
          qdisc === undefined
            ? []
            : [`shape ${quote(name)} ${dev} tbf rate ${qdisc.rate}bps burst ${qdisc.burst}b limit ${qdisc.limit}b`],
        ),
      ),
    ];
  }

  #bridges(): string[] {
    const own = this.#spaces.filter(({ netns }) => netns.links.some(({ kind }) => kind === 'bridge'));
    return [this.#wireNetns, ...own.map(({ name }) => name)].map((name) => `forwarding ${quote(name)}`);
  }

  #listeners(): string[] {
    return this.#spaces.flatMap(({ netns, name }) => {
      const words = listenWords(netns.listeners);
      return words.length === 0 ? [] : [`listen ${quote(name)} ${words.join(' ')}`];
    });
  }
}

/** A table for iptables-restore. */
const tableLines = ({ name, chains }: IptablesTableState): string[] => [
  `*${name}`,
  // A built-in chain that nobody has declared does not count at its policy.
  ...chains
    .filter(({ counting, policy }) => counting !== false || policy !== 'ACCEPT')
    .map(({ name: chain, policy }) => `:${chain} ${policy ?? '-'} [0:0]`),
  ...chains.flatMap((chain) => chain.rules.map(({ text }) => `-A ${chain.name} ${text}`.trimEnd())),
  'COMMIT',
];
