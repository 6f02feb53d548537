/** One probe of a container, as the kubelet sends it from its node (pkg/kubelet/prober/prober.go, pkg/probe). */

import { ERRNO_TEXT, type Netns, NS_PER_S } from '../../kernel/index.js';
import { type Container, labelOf, type Pod, type Probe } from '../../kubernetes/index.js';
import { formatIpv4, type Ipv4Addr } from '../../packet/index.js';
import { exchangeHttp, type HttpResult } from '../../services/index.js';
import { portReference, probeAddress, probePort } from '../input/probed-ports.js';

export type ProbeKind = 'startup' | 'liveness' | 'readiness';

export interface ProbeAnswer {
  readonly success: boolean;
  /** Why not, in the kubelet's words. */
  readonly reason: string;
}

export interface ProbeRequest {
  /** The node's own. */
  readonly netns: Netns;
  readonly pod: Pod;
  readonly address: Ipv4Addr;
  readonly container: Container;
  readonly kind: ProbeKind;
  readonly probe: Probe;
}

/** What a command in a container would say is declared: `web=failure, db/readiness=failure`; without a word it succeeds. */
export const EXEC_ANNOTATION = 'podwire.dev/exec-probes';
const USER_AGENT = 'kube-probe/1.34';
const SUCCESS: ProbeAnswer = { success: true, reason: '' };

function execAnswer({ pod, container, kind }: ProbeRequest): ProbeAnswer {
  const declared = new Set((labelOf(pod.annotations, EXEC_ANNOTATION) ?? '').split(',').map((part) => part.trim()));
  const says = (value: string): boolean =>
    declared.has(`${container.name}=${value}`) || declared.has(`${container.name}/${kind}=${value}`);
  return says('failure') ? { success: false, reason: `the command fails, as ${EXEC_ANNOTATION} declares` } : SUCCESS;
}

function connect(request: ProbeRequest, port: number, done: (answer: ProbeAnswer) => void): void {
  const { netns, address, probe } = request;
  const socket = netns.sockets.tcp({ process: 'kubelet' });
  let over = false;
  const end = (answer: ProbeAnswer): void => {
    if (over) return;
    over = true;
    timer.cancel();
    socket.close();
    done(answer);
  };
  const failed = (why: string): void =>
    end({ success: false, reason: `dial tcp ${formatIpv4(address)}:${port}: ${why}` });
  const timer = netns.emulation.clock.schedule(probe.timeoutSeconds * NS_PER_S, () => failed('i/o timeout'));
  socket.onConnect = () => end(SUCCESS);
  socket.onError = (errno) => failed(`connect: ${ERRNO_TEXT[errno].toLowerCase()}`);
  const errno = socket.connect(address, port);
  if (errno !== undefined) failed(`connect: ${ERRNO_TEXT[errno].toLowerCase()}`);
}

/** probe/http/http.go:DoHTTPProbe(). */
function httpAnswer({ head, end, errno }: HttpResult, url: string, where: string): ProbeAnswer {
  if (head !== undefined) {
    if (head.status >= 200 && head.status < 400) return SUCCESS;
    return { success: false, reason: `HTTP probe failed with statuscode: ${head.status}` };
  }
  const why =
    end === 'refused' && errno !== undefined
      ? `dial tcp ${where}: connect: ${ERRNO_TEXT[errno].toLowerCase()}`
      : end === 'empty'
        ? 'EOF'
        : end === 'reset'
          ? 'read: connection reset by peer'
          : end === 'garbled'
            ? 'malformed HTTP response'
            : 'context deadline exceeded';
  return { success: false, reason: `Get "${url}": ${why}` };
}

function get(request: ProbeRequest, port: number, path: string, done: (answer: ProbeAnswer) => void): void {
  const { netns, address, probe } = request;
  const where = `${formatIpv4(address)}:${port}`;
  const target = path.startsWith('/') ? path : `/${path}`;
  const timeoutNs = probe.timeoutSeconds * NS_PER_S;
  exchangeHttp(
    {
      netns,
      address,
      port,
      text: `GET ${target} HTTP/1.1\r\nHost: ${where}\r\nUser-Agent: ${USER_AGENT}\r\nAccept: */*\r\nConnection: close\r\n\r\n`,
      withBody: true,
      connectTimeoutNs: timeoutNs,
      timeoutNs,
      process: 'kubelet',
    },
    (result) => done(httpAnswer(result, `http://${where}${target}`, where)),
  );
}

/** Sends a probe and calls back once. TLS and gRPC are not modelled: of these the connection alone counts. */
export function sendProbe(given: ProbeRequest, done: (answer: ProbeAnswer) => void): void {
  const { probe, container } = given;
  const { httpGet } = probe;
  const request = { ...given, address: probeAddress(probe) ?? given.address };
  const wanted = portReference(probe);
  if (wanted === undefined) {
    done(execAnswer(given));
    return;
  }
  const port = probePort(container, wanted);
  if (port === undefined) done({ success: false, reason: `couldn't find port: ${wanted}` });
  else if (httpGet?.scheme === 'HTTP') get(request, port, httpGet.path, done);
  else connect(request, port, done);
}
