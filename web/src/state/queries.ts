/** DNS and HTTP: the connection that is made is traced, and the command that a user would type prints what it prints. */

import type { ExecAnswer, TraceRequest, TraceSummary } from '../api-types.js';
import type { Names } from './names.js';

const DNS_PORT = 53;
const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };

export interface Target {
  /** `pod/NS/NAME`, `node/NAME`. */
  readonly from: string;
  readonly branches: TraceRequest['branches'];
}

/** How a query is carried out. Both throw ApiError. */
export interface Asking {
  readonly trace: (request: TraceRequest) => Promise<TraceSummary>;
  readonly exec: (command: readonly string[]) => Promise<ExecAnswer>;
}

export interface Printed {
  readonly command: readonly string[];
  readonly answer: ExecAnswer;
}

/** What is shown of something that was sent. */
export interface Answered {
  readonly trace: TraceSummary;
  readonly request: TraceRequest;
  /** By a command that was run beside the trace. */
  readonly printed?: Printed;
}

export interface QueryAnswer extends Answered {
  readonly printed: Printed;
}

/** The first name server of a resolv.conf. */
const nameserverIn = (text: string): string | undefined => /^nameserver\s+(\S+)/m.exec(text)?.[1];

/** What `dig` says of the name itself; undefined where nobody answered. */
const digStatus = (text: string): string | undefined => /status: ([A-Z]+)/.exec(text)?.[1];

/**
 * Looks a name up: the query's way to the first name server, and `dig`. A name that there is none of is traced itself:
 * its lookups, and that it leads nowhere. @throws ApiError
 */
export async function lookUp({ from, branches }: Target, name: string, { trace, exec }: Asking): Promise<QueryAnswer> {
  const server = nameserverIn((await exec(['cat', '/etc/resolv.conf'])).stdout);
  const to = (host: string): TraceRequest => ({ from, to: `${host}:${DNS_PORT}`, protocol: 'udp', branches });
  // Where there is no name server, the name's own trace says so.
  const request = to(server ?? name);
  const asked = await trace(request);
  const command = ['dig', '+search', name];
  const answer = await exec(command);
  const absent = server !== undefined && digStatus(answer.stdout) === 'NXDOMAIN';
  return { trace: absent ? await trace(to(name)) : asked, request, printed: { command, answer } };
}

/** `svc/shop/web` → `web.shop.svc.cluster.local`. */
const serviceName = (name: string): string =>
  name.replace(
    /^svc\/([^/]+)\/([^/]+)$/,
    (_, namespace: string, own: string) => `${own}.${namespace}.svc.cluster.local`,
  );

/** What is looked up where a name, a Service or either with a port is typed: names in DNS have no ports. */
export const dnsName = (typed: string): string => serviceName(typed.trim().replace(/:\d+$/, ''));

interface HttpTarget {
  /** For a trace: `pod/shop/web:80`. */
  readonly to: string;
  readonly url: string;
}

/** A place or a host, then its port, then what is asked of it. */
const AUTHORITY =
  /^((?:pod|svc|lb)\/[^/:?#]+\/[^/:?#]+|(?:node|host)\/[^/:?#]+|(?!(?:pod|svc|lb|node|host)\/)[^/:?#\s]+)(?::(\d+))?([/?]\S*)?$/;

/** Where a request goes that is typed as a URL, or as a place or host with or without port and path; else undefined. */
export function httpTarget(names: Names, typed: string): HttpTarget | undefined {
  const [, scheme = '', rest = ''] = /^(?:(https?):\/\/)?(.*)$/.exec(typed.trim()) ?? [];
  const [, place, own, path = '/'] = AUTHORITY.exec(rest) ?? [];
  if (place === undefined) return undefined;
  const to = `${place}:${own ?? DEFAULT_PORTS[scheme || 'http']}`;
  if (scheme !== '') return { to, url: typed.trim() };
  const address = [...names].find(([, name]) => name === place)?.[0];
  const authority = `${address ?? serviceName(place)}${own === undefined ? '' : `:${own}`}`;
  return { to, url: `http://${authority}${path.startsWith('/') ? '' : '/'}${path}` };
}

/** A request over HTTP: the way of its connection, and `curl`. @throws ApiError */
export async function fetchUrl(
  { from, branches }: Target,
  { to, url }: HttpTarget,
  { trace, exec }: Asking,
): Promise<QueryAnswer> {
  const request: TraceRequest = { from, to, protocol: 'tcp', branches };
  const traced = await trace(request);
  const command = ['curl', '-sv', url];
  return { trace: traced, request, printed: { command, answer: await exec(command) } };
}
