/** `ip link add|set|del` (iproute2's ip/iplink*.c): the kinds of device that the virtual kernel has. */

import type { Ipv4Addr, Mac } from '../../packet/index.js';
import type { Cause } from '../../trace/index.js';
import type { BridgePortState, IpipState, VxlanState } from '../host-state.js';
import { Bridge, type LinkChanges, type LinkOptions } from '../link/index.js';
import type { Netns } from '../netns.js';
import { addIpip, changeIpip, ipipOptions } from './tunnel.js';
import { abbreviable, CommandError, type Option, type Options, readKnown, readOptions, type Words } from './words.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type NewLink = Mutable<LinkOptions>;

const KINDS = ['veth', 'bridge', 'dummy', 'vxlan', 'ipip'] as const;

/** What every kind of device takes. */
function commonOptions(link: { mac?: Mac; mtu?: number; txqlen?: number }): Options {
  const txqlen: Option = (words) => {
    link.txqlen = words.number('a queue length');
  };
  return {
    'address*': (words) => {
      link.mac = words.mac();
    },
    mtu: (words) => {
      link.mtu = words.number('an MTU', 65_535);
    },
    'txqueuelen*': txqlen,
    'txqlen*': txqlen,
    qlen: txqlen,
  };
}

function newLinkOptions(link: NewLink): Options {
  return {
    ...commonOptions(link),
    index: (words) => {
      link.ifindex = words.number('an interface index');
    },
  };
}

function addVeth(netns: Netns, link: NewLink, words: Words): void {
  const { because } = link;
  const peer: NewLink & { netns?: Netns } = { name: '', ...(because === undefined ? {} : { because }) };
  if (words.skip('peer')) {
    readOptions(
      words,
      {
        ...newLinkOptions(peer),
        name: (rest) => {
          peer.name = rest.take('a name');
        },
        netns: (rest) => {
          peer.netns = rest.netns();
        },
      },
      'link add type veth peer',
    );
  }
  if (peer.name === '') throw new CommandError('link add type veth: a peer with a name is expected');
  netns.links.addVeth(link, peer);
}

function addVxlan(netns: Netns, link: NewLink, words: Words): void {
  const config: Mutable<VxlanState> = { vni: -1, local: 0 as Ipv4Addr, port: 8472, learning: true };
  const vni: Option = (rest) => {
    config.vni = rest.number('a VNI', 0xff_ffff);
  };
  const group: Option = (rest) => {
    config.group = rest.address();
  };
  readOptions(
    words,
    {
      'id*': vni,
      'vni*': vni,
      'group*': group,
      'remote*': group,
      'local*': (rest) => {
        config.local = rest.address();
      },
      'dev*': (rest) => {
        config.dev = rest.device().name;
      },
      'ttl*': (rest) => {
        config.ttl = rest.number('a TTL', 255);
      },
      'dstport*': (rest) => {
        config.port = rest.number('a port', 65_535);
      },
      'nolearning*': () => {
        config.learning = false;
      },
      'learning*': () => {
        config.learning = true;
      },
    },
    'link add type vxlan',
  );
  if (config.vni < 0) throw new CommandError('vxlan: missing virtual network identifier');
  netns.links.addVxlan(link, config);
}

/** What a bridge has from the start here, and may be said all the same. */
const SAID_OF_BRIDGES: Options = {
  'stp_state*': (words) => {
    if (words.number('0') !== 0) throw new CommandError('link add type bridge: spanning tree is not modelled');
  },
  'forward_delay*': (words) => {
    words.number('a delay');
  },
  'mcast_snooping*': (words) => {
    if (words.number('0') !== 0) throw new CommandError('link add type bridge: multicast snooping is not modelled');
  },
};

/** What a bridge can be told, when it is made and later. */
const bridgeOptions = (bridge: Bridge): Options => ({
  ...SAID_OF_BRIDGES,
  'vlan_filtering*': (words) => {
    bridge.vlanFiltering = words.number('0 or 1', 1) === 1;
  },
  'fdb_flush*': () => {
    bridge.flush();
  },
});

function add(netns: Netns, words: Words, because: readonly Cause[]): void {
  const link: NewLink = { name: '', because };
  if (!words.skip('name')) words.skip('dev');
  link.name = words.take('a name');
  readKnown(words, newLinkOptions(link));
  if (!words.skipBeginningOf('type')) throw new CommandError('Not enough information: "type" argument is required.');
  const kind = words.oneOf('a kind of device', KINDS);
  if (kind === 'veth') addVeth(netns, link, words);
  else if (kind === 'vxlan') addVxlan(netns, link, words);
  else if (kind === 'ipip') addIpip(netns, link, words);
  else if (kind === 'bridge') {
    readOptions(words, bridgeOptions(netns.links.addBridge(link)), 'link add type bridge');
  } else {
    readOptions(words, {}, 'link add type dummy');
    netns.links.addDummy(link);
  }
}

/** `bridge link set dev PORT …`, and `ip link set PORT type bridge_slave …`. */
export function portOptions(state: Partial<Mutable<BridgePortState>>): Options {
  const option =
    (name: keyof BridgePortState): Option =>
    (words) => {
      state[name] = words.onOff(name);
    };
  return {
    hairpin: option('hairpin'),
    learning: option('learning'),
    flood: option('flood'),
    isolated: option('isolated'),
  };
}

function set(netns: Netns, words: Words): void {
  words.skip('dev');
  const dev = words.device();
  const changes: Mutable<LinkChanges> = {};
  const bridgePort: Partial<Mutable<BridgePortState>> = {};
  let tunnel: IpipState | undefined;
  readOptions(
    words,
    {
      ...commonOptions(changes),
      up: () => {
        changes.up = true;
      },
      down: () => {
        changes.up = false;
      },
      name: (rest) => {
        changes.name = rest.take('a name');
      },
      'master*': (rest) => {
        const master = rest.device();
        if (!(master instanceof Bridge)) throw new CommandError(`"${master.name}" is no bridge`);
        changes.master = master;
      },
      promisc: (rest) => {
        changes.promisc = rest.onOff('promisc');
      },
      allmulticast: (rest) => {
        changes.allmulti = rest.onOff('allmulticast');
      },
      'nomaster*': () => {
        changes.master = null;
      },
      'type*': (rest) => {
        const kind = rest.oneOf('a kind of device or port', ['bridge_slave', 'bridge', 'ipip']);
        if (kind === 'bridge_slave') readKnown(rest, abbreviable(portOptions(bridgePort)));
        else if (kind === 'ipip') tunnel = ipipOptions(rest);
        else if (dev instanceof Bridge) readKnown(rest, bridgeOptions(dev));
        else throw new CommandError(`"${dev.name}" is no bridge`);
      },
    },
    'link set',
  );
  if (tunnel !== undefined) changeIpip(netns, dev.name, tunnel);
  netns.links.set(dev, Object.keys(bridgePort).length === 0 ? changes : { ...changes, bridgePort });
}

export function link(netns: Netns, words: Words, because: readonly Cause[]): void {
  const verb = words.verb('ip link', ['add', 'set', 'change', 'delete']);
  if (verb === 'add') add(netns, words, because);
  else if (verb === 'set' || verb === 'change') set(netns, words);
  else {
    words.skip('dev');
    netns.links.remove(words.device());
  }
}
