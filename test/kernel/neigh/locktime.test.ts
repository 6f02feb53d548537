/** Of several that answer at once the first is believed: net/ipv4/arp.c:arp_process(), neigh_update(). */

import t from 'tap';
import { NS_PER_MS } from '../../../src/kernel/index.js';
import {
  encodeArp,
  encodeEthernet,
  ETHERTYPE,
  formatMac,
  mac,
  MAC_BROADCAST,
  viewOf,
} from '../../../src/packet/index.js';
import { ip, TwoHosts } from '../link/two-hosts.js';

const ROUTER = ip('10.0.0.9');
const FIRST = mac(0x0200_0000_0001);
const SECOND = mac(0x0200_0000_0002);

/** Who is at 10.0.0.9 for host b, after messages that come from host a's end of the wire. */
class Heard {
  readonly #hosts = new TwoHosts();

  constructor() {
    // An entry is made where somebody asks b itself.
    this.hear({ operation: 1, senderMac: FIRST, targetIp: ip('10.0.0.2') });
  }

  hear(message: {
    operation: number;
    senderMac: typeof FIRST;
    targetIp: typeof ROUTER;
    targetMac?: typeof FIRST;
  }): void {
    const { operation, senderMac, targetIp, targetMac = mac(0) } = message;
    const bytes = new Uint8Array(42);
    encodeEthernet(viewOf(bytes), 0, { source: senderMac, destination: MAC_BROADCAST, etherType: ETHERTYPE.arp });
    encodeArp(viewOf(bytes), 14, { operation, senderMac, senderIp: ROUTER, targetMac, targetIp });
    const { a, emulation } = this.#hosts;
    const skb = emulation.skbFrom(bytes);
    skb.mac = skb.data;
    a.netns.links.require('eth0').transmit(skb);
    emulation.drain();
  }

  wait(ms: number): void {
    this.#hosts.emulation.advance(ms * NS_PER_MS);
  }

  get believed(): string {
    const { netns } = this.#hosts.b;
    const entry = netns.neighbours.lookup(netns.links.require('eth0'), ROUTER);
    return entry === undefined ? 'nobody' : formatMac(entry.mac);
  }
}

t.test('another address is believed when locktime is over', (t) => {
  const heard = new Heard();
  const asks = { operation: 1, senderMac: SECOND, targetIp: ip('10.0.0.77') };
  heard.hear(asks);
  t.equal(heard.believed, formatMac(FIRST));
  heard.wait(999);
  heard.hear(asks);
  t.equal(heard.believed, formatMac(FIRST), 'what was not believed does not begin it anew');
  heard.wait(2);
  heard.hear(asks);
  t.equal(heard.believed, formatMac(SECOND));
  t.end();
});

t.test('who asks us, and who speaks of itself, is believed at once', (t) => {
  const asked = new Heard();
  asked.hear({ operation: 1, senderMac: SECOND, targetIp: ip('10.0.0.2') });
  t.equal(asked.believed, formatMac(SECOND));
  const announced = new Heard();
  announced.hear({ operation: 1, senderMac: SECOND, targetIp: ROUTER });
  t.equal(announced.believed, formatMac(SECOND));
  const replied = new Heard();
  replied.hear({ operation: 2, senderMac: SECOND, targetIp: ROUTER, targetMac: FIRST });
  t.equal(replied.believed, formatMac(FIRST), 'a reply about itself names itself twice');
  replied.hear({ operation: 2, senderMac: SECOND, targetIp: ROUTER, targetMac: SECOND });
  t.equal(replied.believed, formatMac(SECOND));
  t.end();
});
