/** Redirects that come in (RFC 792, RFC 1122 §3.2.2.2; net/ipv4/route.c:__ip_do_redirect()). */

import { type Ipv4Addr, isLimitedBroadcast, isMulticast, isZeronet } from '../../packet/index.js';
import type { Device } from '../device.js';
import type { Flow4 } from '../fib/index.js';
import type { Netns } from '../netns.js';
import { andConf, orConf } from '../sysctl.js';

export interface Redirect {
  /** The router that spoke. */
  readonly from: Ipv4Addr;
  /** The first hop that it names. */
  readonly gateway: Ipv4Addr;
  /** By which it came. */
  readonly dev: Device;
}

/** ICMP_REDIR_HOSTTOS: the codes are network, host, and both for a type of service. */
export const REDIRECT_CODE_MAX = 3;

/**
 * A flow of ours is told of a better first hop, and takes it if the router that it uses says so, the hop may be believed, and its
 * link-layer address is known; if only that is lacking it is asked for, and the next redirect will be heeded.
 */
export function heedRedirect(netns: Netns, { from, gateway, dev }: Redirect, flow: Flow4): void {
  const { fib, neighbours } = netns;
  const route = fib.routeOutput(flow);
  if (typeof route === 'string' || route.dev === undefined || route.gateway !== from) return;
  if (gateway === from || !takesRedirects(netns, dev) || !isPlausible(netns, { from, gateway, dev })) return;
  const neighbour = neighbours.require(route.dev, gateway);
  if (neighbour.valid) fib.learnGateway(flow, gateway);
  else neighbours.solicit(neighbour);
}

/** IN_DEV_RX_REDIRECTS(): a router needs both switches, a host one. */
function takesRedirects({ sysctl }: Netns, { ipv4Conf }: Device): boolean {
  const conf = ipv4Conf.forwarding === 0 ? orConf : andConf;
  return conf(sysctl.all, ipv4Conf, 'accept_redirects');
}

function isPlausible({ fib, sysctl }: Netns, { from, gateway, dev }: Redirect): boolean {
  if (isMulticast(gateway) || isLimitedBroadcast(gateway) || isZeronet(gateway)) return false;
  if (orConf(sysctl.all, dev.ipv4Conf, 'shared_media')) return fib.addressType(gateway) === 'unicast';
  if (!fib.sharesSubnet(dev, gateway, from)) return false;
  return !orConf(sysctl.all, dev.ipv4Conf, 'secure_redirects') || fib.isGateway(gateway, dev);
}
