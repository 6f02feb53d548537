/** Tunnels and BGP sessions, as they are programmed and as birdc tells them: of all machines of a small cluster, else of the marked one. */

import type { Host } from '../api-types.js';
import type { HostState } from '../host-state.js';
import type { Api } from '../state/api.js';
import { placeOf } from '../state/names.js';

/** A tunnel or a BGP session between two machines. */
export interface Tie {
  readonly from: string;
  readonly to: string;
  readonly up: boolean;
  readonly label: string;
}

/** A bridge or a tunnel device of a machine. */
export interface Device {
  readonly name: string;
  readonly kind: string;
  readonly up: boolean;
}

export interface Ties {
  readonly tunnels: readonly Tie[];
  readonly sessions: readonly Tie[];
  /** By machine. */
  readonly devices: ReadonlyMap<string, readonly Device[]>;
}

/** Reading what is programmed on a machine builds it: in a large cluster that is done for one that is asked for. */
const SMALL = 8;

type ByAddress = ReadonlyMap<string, Host>;

const byAddress = (hosts: readonly Host[]): ByAddress =>
  new Map(
    hosts.flatMap((host) =>
      host.interfaces.flatMap(({ address }) => (address === undefined ? [] : [[address, host] as const])),
    ),
  );

/** Routes through tunnel devices, and the machines that they lead to: by neighbour and fdb entry, or by the gateway. */
function tunnelsOf(host: Host, { netns }: HostState, known: ByAddress): Tie[] {
  const own = netns.find(({ name }) => name === '');
  const macOf = new Map((own?.neighbours ?? []).map(({ dev, address, mac }) => [`${dev} ${address}`, mac]));
  const remoteOf = new Map((own?.fdb ?? []).map(({ dev, mac, remote }) => [`${dev} ${mac}`, remote]));
  const vxlan = (own?.routes ?? []).flatMap(({ nextHops }) =>
    nextHops.flatMap(({ dev, via }) => {
      const remote = remoteOf.get(`${dev} ${macOf.get(`${dev} ${via}`)}`);
      return dev === undefined || remote === undefined ? [] : [{ dev, remote }];
    }),
  );
  const ipip = (own?.routes ?? []).flatMap(({ nextHops }) =>
    nextHops.flatMap(({ dev, via }) =>
      dev?.startsWith('tunl') === true && via !== undefined ? [{ dev, remote: via }] : [],
    ),
  );
  return [...vxlan, ...ipip].flatMap(({ dev, remote }) => {
    const other = known.get(remote);
    const up = own?.links.find(({ name }) => name === dev)?.up === true;
    return other === undefined
      ? []
      : [{ from: placeOf(host), to: placeOf(other), up, label: dev.startsWith('tunl') ? 'IPIP' : 'VXLAN' }];
  });
}

/** Not the machine's ends of its pods, nor what the picture shows as ports. */
const PLAIN: ReadonlySet<string> = new Set(['loopback', 'ethernet', 'veth']);

const devicesOf = ({ netns }: HostState): readonly Device[] =>
  (netns.find(({ name }) => name === '')?.links ?? []).filter(({ kind }) => !PLAIN.has(kind));

/** Lines of `birdc show protocols all`: a session's name and state, and under it its neighbour's address. */
export function sessionsIn(text: string): { readonly address: string; readonly up: boolean }[] {
  const found: { address: string; up: boolean }[] = [];
  let up: boolean | undefined;
  for (const line of text.split('\n')) {
    const head = /^\S+\s+BGP\s+\S+\s+\S+\s+.*?(\S*)\s*$/.exec(line);
    if (head !== null) up = head[1] === 'Established';
    else if (/^\S/.test(line)) up = undefined;
    const address = /^\s+Neighbor address:\s*([\d.]+)/.exec(line)?.[1];
    if (address !== undefined && up !== undefined) found.push({ address, up });
  }
  return found;
}

async function sessionsOf(api: Api, name: string, host: Host, known: ByAddress): Promise<Tie[]> {
  const { exitCode, stdout } = await api.exec(name, placeOf(host), ['birdc', 'show', 'protocols', 'all']);
  if (exitCode !== 0) return [];
  return sessionsIn(stdout).flatMap(({ address, up }) => {
    const other = known.get(address);
    return other === undefined ? [] : [{ from: placeOf(host), to: placeOf(other), up, label: 'BGP' }];
  });
}

/** Both ends tell of the same line; one that is down on one side is down. */
function merged(ties: readonly Tie[]): Tie[] {
  const found = new Map<string, Tie>();
  for (const tie of ties) {
    const key = [tie.from, tie.to].toSorted().join(' ');
    const before = found.get(key);
    found.set(key, before === undefined ? tie : { ...before, up: before.up && tie.up });
  }
  return [...found.values()];
}

/** @throws ApiError */
export async function readTies(
  api: Api,
  name: string,
  { hosts, place }: { readonly hosts: readonly Host[]; readonly place: string | undefined },
): Promise<Ties> {
  const known = byAddress(hosts);
  const asked = hosts.filter(
    (host) => !host.off && (hosts.length <= SMALL ? host.role !== 'host' : placeOf(host) === place),
  );
  const devices = new Map<string, readonly Device[]>();
  const tunnels: Tie[] = [];
  const sessions: Tie[] = [];
  for (const host of asked) {
    if (host.role === 'node') {
      const state = await api.hostState(name, host.name);
      tunnels.push(...tunnelsOf(host, state, known));
      devices.set(placeOf(host), devicesOf(state));
    }
    sessions.push(...(await sessionsOf(api, name, host, known)));
  }
  return { tunnels: merged(tunnels), sessions: merged(sessions), devices };
}
