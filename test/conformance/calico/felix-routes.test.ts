/** The managers of routes, message by message: upstream's unit tests with the routes that they asked for. */

import t, { type Test } from 'tap';
import { type Address, formatAddress, formatCidr, parseAddress, parseCidr } from '../../../src/calico/cidr.js';
import type { PrefixLocation } from '../../../src/calico/felix/calc/l3-routes.js';
import {
  ipipTunnelRoute,
  managerRoutes,
  type RouteManager,
  vxlanTunnelRoute,
} from '../../../src/calico/felix/calc/route-managers.js';
import type { PoolType } from '../../../src/calico/felix/calc/route-sources.js';
import type { FelixRoute } from '../../../src/calico/felix/state.js';
import { type Json, loadVector, NEEDS_VECTORS } from './vectors.js';

const SELF = 'node1';
/** Bits of the message's `types`. */
const TYPES: Readonly<Record<string, number>> = { REMOTE_WORKLOAD: 1, LOCAL_WORKLOAD: 4, REMOTE_TUNNEL: 16 };

function typesOf(value: Json): number {
  if (typeof value.value === 'number') return value.value;
  const bits = TYPES[value.text()];
  if (bits === undefined) throw new TypeError(`unknown type ${value.text()}`);
  return bits;
}

function locationOf(message: Json, poolType: PoolType): PrefixLocation {
  const types = typesOf(message.get('types'));
  const cidr = parseCidr(message.get('dst').text());
  if (cidr === undefined) throw new TypeError('no destination');
  const nodeAddress = parseAddress(message.get('dst_node_ip').text());
  return {
    cidr,
    poolType,
    node: message.get('dst_node_name').text(),
    ...(nodeAddress && { nodeAddress }),
    remoteWorkload: (types & 1) !== 0,
    localWorkload: (types & 4) !== 0,
    liveEndpoint: false,
    remoteTunnel: (types & 16) !== 0,
    borrowed: message.get('borrowed').flag(),
    sameSubnet: message.get('same_subnet').flag(),
    because: [],
  };
}

interface Kind {
  readonly poolType: RouteManager['poolType'];
  readonly mtu: Readonly<Record<4 | 6, number>>;
  readonly protocol: number;
}

/** One manager with the messages that it got. */
class Replay {
  readonly #kind: Kind;
  readonly #version: 4 | 6;
  readonly #locations = new Map<string, PrefixLocation>();
  readonly #vteps = new Map<string, Address>();
  #selfKnown = false;

  constructor(kind: Kind, version: 4 | 6) {
    this.#kind = kind;
    this.#version = version;
  }

  message(type: string, message: Json): void {
    const suffix = `ipv${this.#version}_addr`;
    switch (type) {
      case '*proto.RouteUpdate':
        this.#locations.set(message.get('dst').text(), locationOf(message, this.#kind.poolType));
        break;
      case '*proto.RouteRemove':
        this.#locations.delete(message.get('dst').text());
        break;
      default: {
        const node = message.get('node').textOr('') || message.get('hostname').text();
        // Some of these addresses carry a length, which upstream's own parser does not take for a gateway.
        const address = parseAddress(message.get(suffix).text().split('/')[0] ?? '');
        if (node === SELF) this.#selfKnown = true;
        else if (address) this.#vteps.set(node, address);
      }
    }
  }

  get routes(): FelixRoute[] {
    const { poolType, protocol, mtu } = this.#kind;
    const device = {
      name: this.#version === 4 ? 'vxlan.calico' : 'vxlan-v6.calico',
      mtu: mtu[this.#version],
      protocol,
    };
    const tunnelRoutes: Readonly<Record<Kind['poolType'], RouteManager['tunnelRoute']>> = {
      vxlan: vxlanTunnelRoute(device, (node) => this.#vteps.get(node)),
      ipip: ipipTunnelRoute({ mtu: 0, protocol: 80 }),
      'no-encap': () => undefined,
    };
    const manager: RouteManager = {
      poolType,
      node: SELF,
      parentDevice: this.#selfKnown ? 'eth0' : undefined,
      deviceRouteProtocol: protocol,
      tunnelRoute: tunnelRoutes[poolType],
    };
    return managerRoutes(manager, [...this.#locations.values()]);
  }
}

const UPSTREAM_TYPE: Readonly<Record<FelixRoute['class'], string>> = {
  'local-workload': '',
  'vxlan-same-subnet': 'noencap',
  'vxlan-tunnel': 'vxlan',
  'ipip-same-subnet': 'noencap',
  'ipip-tunnel': 'onlink',
  'no-encap': 'noencap',
  'block-drop': 'blackhole',
};

/** Upstream's own type of a route into a tunnel that is the tunnel's end itself is empty. */
const printType = (route: FelixRoute): string =>
  route.class === 'vxlan-tunnel' && route.via === undefined ? '' : UPSTREAM_TYPE[route.class];

function print(route: FelixRoute): string {
  const { destination, dev = '*NoOIF*', via, mtu, protocol } = route;
  const gateway = via && printType(route) !== 'vxlan' ? formatAddress(via) : undefined;
  const shown = printType(route) === 'vxlan' || printType(route) === '' ? 0 : protocol;
  return [dev, formatCidr(destination), gateway, mtu || undefined, shown || undefined, printType(route)].join(' ');
}

/** A text or a number as it stands, nothing where it is absent. */
const printed = (value: Json): string => {
  if (value.absent) return '';
  return typeof value.value === 'number' ? String(value.value) : value.text();
};

const printExpected = (iface: string, route: Json): string =>
  [iface, ...['dst', 'gw', 'mtu', 'protocol', 'type'].map((key) => printed(route.get(key)))].join(' ');

/** Replays one test and compares whenever upstream applied. */
function replay(t: Test, kind: Kind, events: readonly Json[]): void {
  const version = events.some((event) => event.get('ipVersion').value === 6) ? 6 : 4;
  const manager = new Replay(kind, version);
  const expected = new Map<string, string[]>();
  let applied = 0;
  for (const event of events) {
    if (event.get('ev').text() === 'in') manager.message(event.get('type').text(), event.get('msg'));
    else if (event.get('op').textOr('') === 'setRoutes') {
      const { value } = event.get('v').get('iface');
      const iface = String(value);
      const key = `${event.get('v').get('class').number()} ${iface}`;
      expected.set(
        key,
        event
          .get('v')
          .get('routes')
          .list()
          .map((route) => printExpected(iface, route)),
      );
    } else if (event.get('ev').text() === 'applied') {
      applied += 1;
      t.same(
        [...new Set(manager.routes.map(print))].toSorted(),
        [...expected.values()].flat().toSorted(),
        `after apply ${applied}`,
      );
    }
  }
}

const KINDS: Readonly<Record<string, Kind>> = {
  vxlan_manager: { poolType: 'vxlan', mtu: { 4: 4444, 6: 6666 }, protocol: 0 },
  ipip_manager: { poolType: 'ipip', mtu: { 4: 0, 6: 0 }, protocol: 3 },
  noencap_manager: { poolType: 'no-encap', mtu: { 4: 0, 6: 0 }, protocol: 3 },
};

t.test('routes follow the messages as upstream', NEEDS_VECTORS, async (t) => {
  for (const [file, kind] of Object.entries(KINDS)) {
    for (const one of loadVector(`felix/managers/${file}.json`).list()) {
      const events = one.get('events').list();
      if (!events.some((event) => event.get('ev').text() === 'applied')) continue; // of devices, not of routes
      t.test(one.get('test').text(), async (t) => replay(t, kind, events));
    }
  }
});
