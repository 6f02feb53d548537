/** Deep links: `#/CLUSTER`, `#/CLUSTER/trace/ID`, `#/CLUSTER/packet/SEQ`, `#/scenario/NAME`. */

export interface Route {
  readonly cluster?: string;
  readonly trace?: string;
  /** Number of a frame in the stream. */
  readonly packet?: number;
  /** A built-in topology to load. */
  readonly scenario?: string;
}

const decoded = (part: string | undefined): string => {
  try {
    return decodeURIComponent(part ?? '');
  } catch {
    return part ?? '';
  }
};

/** What a link names and there is none of. */
export interface Missing {
  readonly kind: 'cluster' | 'scenario';
  readonly name: string;
}

export function parseRoute(hash: string): Route {
  const [first, second, third] = hash.replace(/^#\/?/, '').split('/');
  if (first === undefined || first === '') return {};
  if (first === 'scenario') return second === undefined ? {} : { scenario: decoded(second) };
  const cluster = decoded(first);
  if (second === 'trace' && third !== undefined) return { cluster, trace: decoded(third) };
  if (second === 'packet' && /^\d+$/.test(third ?? '')) return { cluster, packet: Number(third) };
  return { cluster };
}

export function formatRoute({ cluster, trace, packet, scenario }: Route): string {
  if (scenario !== undefined) return `#/scenario/${encodeURIComponent(scenario)}`;
  if (cluster === undefined) return '#/';
  const own = `#/${encodeURIComponent(cluster)}`;
  if (trace !== undefined) return `${own}/trace/${encodeURIComponent(trace)}`;
  return packet === undefined ? own : `${own}/packet/${packet}`;
}
