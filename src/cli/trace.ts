/** `podwire trace`: sends one connection and prints what happened to it. */

import { writeSync } from 'node:fs';
import {
  isNameProblem,
  parseDestination,
  parseEndpointName,
  type TraceRequest,
  UnknownEndpoint,
} from '../cluster/index.js';
import {
  type ConnectionTrace,
  formatMinimal,
  formatTrace,
  type TraceProtocol,
  traceJson,
  tracePcapng,
} from '../trace/index.js';
import {
  type CommonOptions,
  loadCluster,
  parseOptions,
  reading,
  refuse,
  UsageError,
  withFindings,
  withUsage,
} from './options.js';
import { ANSI_STYLE } from './style.js';

const PROTOCOLS: readonly TraceProtocol[] = ['tcp', 'udp', 'icmp'];
const OUTPUTS = ['text', 'json', 'pcapng', 'minimal'] as const;
type Output = (typeof OUTPUTS)[number];

const STDOUT = 1;

export const run = (args: readonly string[]): Promise<number> => withUsage(() => trace(parseOptions(args)));

/** Where BIRD listens. */
const BGP_PORT = 179;

async function trace(options: CommonOptions): Promise<number> {
  const request = reading(() => requestOf(options));
  const toDaemon = 'to' in request && request.to.port === BGP_PORT;
  const cluster = await loadCluster(
    options,
    ({ routesByDaemons, hasRouters }) => routesByDaemons || (hasRouters && toDaemon),
  );
  if (request instanceof UsageError) return refuse(cluster, options, request);
  if (cluster === undefined) return 2;
  const { from, to, protocol, output } = request;
  return withFindings(cluster, { quiet: options.quiet, severities: ['warning', 'notice'] }, () => {
    refuseUnknown([
      ['FROM', () => cluster.requireKnown(from, 'sender')],
      ['TO', () => cluster.requireKnown(to.endpoint)],
    ]);
    const traced = about('TO', () => cluster.trace({ from, to, protocol }));
    print(traced, output, options);
    return traced.verdict === 'answered' ? 0 : 1;
  });
}

interface Request extends TraceRequest {
  readonly output: Output;
}

/** @throws UsageError all that is wrong with the arguments */
function requestOf(options: CommonOptions): Request {
  const problems: string[] = [];
  const protocol = PROTOCOLS.find((one) => one === options.protocol);
  if (protocol === undefined) problems.push(`--proto is tcp, udp or icmp, not "${options.protocol}"`);
  const output = OUTPUTS.find((one) => one === options.output);
  if (output === undefined) problems.push(`-o is one of ${OUTPUTS.join(', ')}, not "${options.output}"`);
  const [fromText, toText, extra] = options.positionals;
  const two = fromText !== undefined && toText !== undefined && extra === undefined;
  if (!two) throw new UsageError([...problems, 'trace wants two names: FROM TO[:PORT]'].join('\n'));
  const from = parseEndpointName(fromText);
  if (isNameProblem(from)) problems.push(`FROM: ${from.problem}`);
  const to = parseDestination(toText);
  if (isNameProblem(to)) problems.push(`TO: ${to.problem}`);
  if (protocol === undefined || output === undefined || isNameProblem(from) || isNameProblem(to))
    throw new UsageError(problems.join('\n'));
  return { protocol, output, from, to };
}

type End = 'FROM' | 'TO';

/** @throws UsageError that says which of the two names it is about */
function about<T>(end: End, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof UnknownEndpoint) throw new UsageError(`${end}: ${error.message}`);
    throw error;
  }
}

/** Both names are looked for, so that a run tells of both. @throws UsageError */
function refuseUnknown(checks: readonly (readonly [end: End, check: () => void])[]): void {
  const problems = checks.flatMap(([end, check]) => {
    try {
      about(end, check);
      return [];
    } catch (error) {
      if (error instanceof UsageError) return [error.message];
      throw error;
    }
  });
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
}

function print(traced: ConnectionTrace, output: Output, options: CommonOptions): void {
  switch (output) {
    case 'json':
      write(`${JSON.stringify(traceJson(traced), null, 2)}\n`);
      return;
    case 'minimal':
      write(`${formatMinimal(traced)}\n`);
      return;
    case 'pcapng':
      if (process.stdout.isTTY) throw new UsageError('a capture is no text: send it to a file or to a program');
      write(tracePcapng(traced));
      return;
    default:
      write(
        `${formatTrace(traced, { ...(ANSI_STYLE === undefined ? {} : { style: ANSI_STYLE }), everyPacket: options.every })}\n`,
      );
  }
}

/** All of it, even into a pipe: process.exit must not cut it off. */
function write(content: string | Uint8Array): void {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  let done = 0;
  while (done < bytes.length) {
    try {
      done += writeSync(STDOUT, bytes, done);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
      if (error.code === 'EPIPE') return;
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}
