/** CoreDNS as a process of a namespace: its Corefile, and the ports that it opens. */

import { KernelError, type Netns, type TcpSocket } from '../../kernel/index.js';
import type { IpAddress } from '../../kubernetes/index.js';
import { INADDR_ANY } from '../../packet/index.js';
import type { Cause } from '../../trace/index.js';
import { serveHttp } from '../http/server.js';
import { CorefileError, type Directive, parseCorefile, type ServerBlock } from './corefile/parse.js';
import { type CorefileNote, type PluginContext, pluginsOf } from './corefile/plugins.js';
import { parseKey } from './corefile/values.js';
import { type Handler, noNextPlugin } from './exchange.js';
import { framed, FrameReader } from './framing.js';
import type { Directory } from './kubernetes/directory.js';
import { DnsServer } from './server.js';

export interface CoreDnsRequest {
  readonly netns: Netns;
  readonly corefile: string;
  readonly directory: Directory;
  readonly readFile: (path: string) => string | undefined;
  readonly localAddresses: readonly IpAddress[];
  readonly clusterDns: readonly IpAddress[];
  readonly because: readonly Cause[];
}

/** What a Corefile makes of CoreDNS: servers by port, or the reason why it does not start. */
export interface CoreDns {
  readonly servers: ReadonlyMap<number, DnsServer>;
  readonly notes: readonly CorefileNote[];
  readonly error: CorefileError | undefined;
}

const NOTHING: ReadonlyMap<number, DnsServer> = new Map();

/** Everything but the sockets. */
export function configureCoreDns(
  request: Omit<CoreDnsRequest, 'because'>,
): CoreDns & { readonly blocks: readonly ServerBlock[] } {
  const notes: CorefileNote[] = [];
  try {
    const blocks = parseCorefile(request.corefile);
    return { servers: serversOf(blocks, request, (note) => notes.push(note)), notes, error: undefined, blocks };
  } catch (error) {
    if (!(error instanceof CorefileError)) throw error;
    return { servers: NOTHING, notes, error, blocks: [] };
  }
}

function serversOf(
  blocks: readonly ServerBlock[],
  request: Omit<CoreDnsRequest, 'because'>,
  note: (note: CorefileNote) => void,
): ReadonlyMap<number, DnsServer> {
  const ports = new Map<number, Map<string, Handler>>();
  const servers = new Map<number, DnsServer>();
  for (const block of blocks) {
    for (const key of block.keys) {
      const { transport, zones, port } = parseKey(key, block.line);
      if (transport !== 'dns') {
        note({
          line: block.line,
          kind: 'unmodelled',
          message: `${transport}:// is not modelled: nobody listens there`,
        });
        continue;
      }
      const own = ports.get(port) ?? new Map<string, Handler>();
      ports.set(port, own);
      const server = servers.get(port) ?? new DnsServer(own);
      servers.set(port, server);
      const handler = chainOf(block, { ...request, self: server.handle, note });
      for (const zone of zones) {
        if (own.has(zone)) throw new CorefileError(block.line, `cannot serve ${key} - it is already defined`);
        own.set(zone, handler);
      }
    }
  }
  return servers;
}

const chainOf = (block: ServerBlock, context: PluginContext): Handler =>
  pluginsOf(block, context).reduceRight<Handler>((next, plugin) => plugin(next), noNextPlugin);

/** Starts it, unless its Corefile is wrong. A port that somebody has already stays with him. */
export function startCoreDns(request: CoreDnsRequest): CoreDns {
  const { blocks, ...made } = configureCoreDns(request);
  for (const [port, server] of made.servers) {
    listenUdp(request, port, server);
    listenTcp(request, port, server);
  }
  for (const directive of blocks.flatMap(({ directives }) => directives)) serveAbout(directive, request);
  return made;
}

const PROCESS = 'coredns';

function attempt(open: () => void): void {
  try {
    open();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
  }
}

function listenUdp({ netns, because }: CoreDnsRequest, port: number, server: DnsServer): void {
  attempt(() => {
    const socket = netns.sockets.listen({
      protocol: 'udp',
      address: INADDR_ANY,
      port,
      process: PROCESS,
      because,
      onMessage: (bytes, from) =>
        server.serve(bytes, { address: from.source, protocol: 'udp' }, (reply) => {
          socket.sendTo(reply, from.source, from.port, { source: from.destination });
        }),
    });
  });
}

/** Several questions may come on one connection; it stays open until the asker ends it. */
function serveConnection(connection: TcpSocket, server: DnsServer): void {
  const reader = new FrameReader();
  const client = { address: connection.remoteAddress, protocol: 'tcp' } as const;
  connection.onData = (bytes) => {
    for (const message of reader.push(bytes)) server.serve(message, client, (reply) => connection.send(framed(reply)));
  };
  connection.onEnd = () => connection.end();
}

function listenTcp({ netns, because }: CoreDnsRequest, port: number, server: DnsServer): void {
  attempt(() => {
    netns.sockets.listen({
      protocol: 'tcp',
      address: INADDR_ANY,
      port,
      process: PROCESS,
      because,
      onConnection: (connection) => serveConnection(connection, server),
    });
  });
}

const METRICS_PORT = 9153;
/** Directive → the port and path that it answers on. */
const ABOUT: Readonly<Record<string, { readonly port: number; readonly path: string; readonly body: string }>> = {
  health: { port: 8080, path: '/health', body: 'OK' },
  ready: { port: 8181, path: '/ready', body: 'OK' },
  prometheus: { port: METRICS_PORT, path: '/metrics', body: '' },
};

/** `health`, `ready`, `prometheus`: an HTTP server each; an argument is its address. */
function serveAbout({ name, args }: Directive, { netns, because }: CoreDnsRequest): void {
  const about = Object.hasOwn(ABOUT, name) ? ABOUT[name] : undefined;
  if (about === undefined) return;
  const port = Number(/:(\d+)$/.exec(args[0] ?? '')?.[1] ?? about.port);
  attempt(() =>
    serveHttp({
      netns,
      address: INADDR_ANY,
      port,
      process: PROCESS,
      because,
      answer: ({ path }) =>
        path === about.path ? { status: 200, body: about.body } : { status: 404, body: '404 page not found\n' },
    }),
  );
}
