/** What a session that is down is told as, and why it is down. */

import { type BgpConfig, formatIp, type Net, type Withheld } from '../bird/index.js';
import type { ConfdCluster } from '../calico/confd/index.js';
import type { RoutingSite } from '../cluster/index.js';
import type { Causes } from './causes.js';
import type { Daemons, Session } from './daemons.js';
import { whyUnreached } from './probe.js';
import type { Speaker } from './speakers.js';

export interface ExplainFacts {
  readonly site: RoutingSite;
  readonly daemons: Daemons;
  readonly speakers: ReadonlyMap<string, Speaker>;
  readonly confd: ConfdCluster | undefined;
  readonly causes: Causes;
  /** Which filter keeps a route from a neighbour with whom there is a session. */
  readonly withheld: (from: string, to: string, net: Net) => Withheld | undefined;
}

const ENDS_WITH_A_STOP = /\.$/;

/** The machine on which a daemon runs. */
export const machineOf = (name: string, { speakers }: ExplainFacts): string => speakers.get(name)?.machine ?? name;

export function placeName(name: string, facts: ExplainFacts): string {
  const machine = machineOf(name, facts);
  const place = facts.site.nameOf({ host: machine, netns: '' });
  return machine === name ? place : `MetalLB's speaker on ${place}`;
}

export function explainSession(name: string, session: Session, facts: ExplainFacts): string {
  const { config, bgpState, reason } = session;
  const other = facts.causes.ownerOf(config.remoteAddress);
  const whom =
    other === undefined ? formatIp(config.remoteAddress) : facts.site.nameOf({ host: other.name, netns: '' });
  const state = `BGP session ${config.name} of ${placeName(name, facts)} with ${whom} is ${bgpState}`;
  const said = reason === '' ? '' : ` (${reason})`;
  const why = whyDown(name, session, facts);
  return why === undefined ? `${state}${said}.` : `${state}${said}: ${why}${ENDS_WITH_A_STOP.test(why) ? '' : '.'}`;
}

/** The kernels of both ends drop what is not signed with their key (RFC 2385), so nobody is told. */
function passwordsDiffer(
  name: string,
  other: string,
  { config, theirs }: { readonly config: BgpConfig; readonly theirs: BgpConfig },
  facts: ExplainFacts,
): string {
  const dropped = 'the kernel drops segments that are not signed as it expects (TCP MD5)';
  if (config.password !== undefined && theirs.password !== undefined)
    return `the two ends have different passwords, and ${dropped}`;
  const [has, lacks] = config.password === undefined ? [other, name] : [name, other];
  const [one, another] = [has, lacks].map((each) => placeName(each, facts));
  return `${one} has a password for it and ${another} has none: ${dropped}`;
}

function whyDown(name: string, { config, bgpState, reason }: Session, facts: ExplainFacts): string | undefined {
  const { causes, daemons } = facts;
  if (/Bad peer AS/.test(reason)) {
    return `it expects AS ${config.remoteAs} and says AS ${config.localAs}, and the other end does not agree`;
  }
  if (/^(?:BGP Error|Received)/.test(reason)) return undefined;
  if (config.multihop === 0 && bgpState === 'Idle') {
    return `${formatIp(config.remoteAddress)} is on none of its networks, and the session is not multihop`;
  }
  const other = causes.ownerOf(config.remoteAddress);
  if (other === undefined) return `no machine has the address ${formatIp(config.remoteAddress)}`;
  if (!daemons.runs(other.name)) return 'no BIRD runs there';
  const theirs = daemons
    .sessions(other.name)
    .find((each) => causes.ownerOf(each.config.remoteAddress)?.name === machineOf(name, facts));
  if (theirs === undefined) return 'the other end has no session with it';
  if (theirs.config.password !== config.password)
    return passwordsDiffer(name, other.name, { config, theirs: theirs.config }, facts);
  if (theirs.config.passive && config.passive) return 'both ends wait for the other to connect (passive)';
  const [dialler, dialled] = config.passive ? [other.name, theirs.config] : [machineOf(name, facts), config];
  return whyUnreached(daemons.underlay, dialler, dialled, facts.site.nameOf);
}
