/**
 * The physical network on a real machine: one namespace with a bridge for each switch, and a veth for each cable
 * whose far end is the host's interface.
 */

import type { CableState, HostState, LinkState } from '../../kernel/index.js';
import { formatMac } from '../../packet/index.js';

/** A trunk between two switches. */
export interface Trunk {
  readonly from: string;
  readonly to: string;
  readonly cable: { readonly delayNs?: number; readonly loss?: number; readonly mtu?: number };
}

export interface WirePlan {
  readonly switches: readonly string[];
  readonly trunks: readonly Trunk[];
}

const NO_LIMIT = 65_535;

/** A port of a switch, and the interface that is plugged into it. */
interface Port {
  readonly name: string;
  readonly host: string;
  readonly link: LinkState;
  readonly cable: CableState;
}

export class Wire {
  readonly #plan: WirePlan;
  readonly #ports: readonly Port[];

  constructor(plan: WirePlan, hosts: readonly HostState[]) {
    this.#plan = plan;
    const plugged = hosts.flatMap(({ name: host, netns }) =>
      netns.flatMap(({ links }) => links.flatMap((link) => (link.cable ? [{ host, link, cable: link.cable }] : []))),
    );
    this.#ports = plugged.map((one, i) => ({ ...one, name: `port${i}` }));
  }

  /** How the far end of a host's physical interface is made, in words of `ip link add … type veth`. */
  cableEnd(host: string, link: LinkState, netns: string): string {
    const port = this.#ports.find((one) => one.host === host && one.link.name === link.name);
    return `peer name ${port?.name ?? `${link.name}-end`} mtu ${port?.cable.mtu || NO_LIMIT} netns ${netns}`;
  }

  /** Bridges, and trunks between them. They must be there before hosts plug in. */
  switchLines(): string[] {
    return [
      ...this.#plan.switches.map(
        (_, i) => `link add name switch${i} mtu ${NO_LIMIT} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      ),
      ...this.#plan.trunks.map(
        ({ cable }, i) =>
          `link add name trunk${i}a mtu ${cable.mtu || NO_LIMIT} type veth peer name trunk${i}b mtu ${NO_LIMIT}`,
      ),
    ];
  }

  /** Ports into their bridges, everything up. Names that are too long for devices are told as aliases. */
  portLines(): string[] {
    const up = (name: string, fabric: string, alias: string): string[] => [
      `link set ${name} master ${this.#bridge(fabric)} alias "${alias}" up`,
    ];
    return [
      ...this.#plan.switches.map((name, i) => `link set switch${i} alias "${name}" up`),
      ...this.#plan.trunks.flatMap(({ from, to }, i) => [
        ...up(`trunk${i}a`, from, `${from} to ${to}`),
        ...up(`trunk${i}b`, to, `${to} to ${from}`),
      ]),
      // A bridge floods to the newest port first, a switch here to the oldest.
      ...this.#ports
        .toReversed()
        .flatMap(({ name, cable, host, link }) => up(name, cable.switch, `${host} ${link.name}`)),
    ];
  }

  /** A switch knows where its hosts are plugged in, and still learns where they move to. */
  fdbLines(): string[] {
    return this.#ports.map(({ name, link }) => `fdb add ${formatMac(link.mac)} dev ${name} master static`);
  }

  /** `DEVICE WORDS OF NETEM`, for cables with a delay or a loss: both directions, each at its sending end. */
  netem(): { readonly host: string | undefined; readonly dev: string; readonly words: string }[] {
    const cables = this.#ports.flatMap(({ name, host, link, cable }) => [
      { host: undefined, dev: name, cable },
      { host, dev: link.name, cable },
    ]);
    const trunks = this.#plan.trunks.flatMap(({ cable }, i) => [
      { host: undefined, dev: `trunk${i}a`, cable },
      { host: undefined, dev: `trunk${i}b`, cable },
    ]);
    return [...cables, ...trunks].flatMap(({ host, dev, cable }) => {
      const delay = cable.delayNs ? ` delay ${cable.delayNs / 1000}us` : '';
      const loss = cable.loss ? ` loss ${cable.loss * 100}%` : '';
      return delay === '' && loss === '' ? [] : [{ host, dev, words: `netem${delay}${loss}` }];
    });
  }

  #bridge(fabric: string): string {
    return `switch${this.#plan.switches.indexOf(fabric)}`;
  }
}
