/** INIT and INIT ACK as they came: the fixed part and the parameters (sctp_verify_init(), sctp_process_init()). */

import {
  bytesOf,
  concatBytes,
  ipv4,
  type Ipv4Addr,
  SCTP_CAUSE,
  SCTP_CHUNK,
  SCTP_PARAMETER,
  SCTP_PARAMETER_HEADER_LENGTH,
  type SctpParameter,
  sctpPadded,
  sctpParameters,
  viewOf,
} from '../../../packet/index.js';
import { INIT_LENGTH, type InitFields, parameter } from './chunks.js';

/** SCTP_DEFAULT_MINWINDOW: a peer that offers less is refused. */
const LEAST_WINDOW = 1500;
const NONE = new Uint8Array();

export interface ReceivedInit extends InitFields {
  readonly addresses: readonly Ipv4Addr[];
  readonly cookie: Uint8Array | undefined;
  readonly ecn: boolean;
  readonly forwardTsn: boolean;
  /** By how much longer a cookie is to be good. */
  readonly cookieLifeMs: number;
  /** Causes about parameters that are not known, for the peer. */
  readonly unrecognized: Uint8Array;
}

/** Why it is refused: the causes of an ABORT. */
export interface BadInit {
  readonly causes: Uint8Array;
}

/** The two highest bits of a type that is not known: whether to go on, and whether to tell (RFC 9260 §3.2.1). */
const goesOn = (type: number): boolean => (type & 0x8000) !== 0;
const isTold = (type: number): boolean => (type & 0x4000) !== 0;

const KNOWN: ReadonlySet<number> = new Set(Object.values(SCTP_PARAMETER));

/** sctp_make_violation_paramlen(). */
const BAD_LENGTH = new TextEncoder().encode('The following parameter had invalid length:\0');

const bytesOfParameter = (view: DataView, { offset, length }: SctpParameter): Uint8Array =>
  bytesOf(view, offset, offset + length).slice();

function badLength(view: DataView, at: number): BadInit {
  const header = bytesOf(view, at, Math.min(at + SCTP_PARAMETER_HEADER_LENGTH, view.byteLength)).slice();
  return { causes: parameter(SCTP_CAUSE.protocolViolation, concatBytes([BAD_LENGTH, header])) };
}

function missingCookie(): BadInit {
  const report = new Uint8Array(6);
  viewOf(report).setUint32(0, 1);
  viewOf(report).setUint16(4, SCTP_PARAMETER.stateCookie);
  return { causes: parameter(SCTP_CAUSE.missingParameter, report) };
}

/** What of the parameters is refused outright (sctp_verify_param()). */
function refusal(view: DataView, found: SctpParameter): BadInit | undefined {
  if (found.type === SCTP_PARAMETER.hostName)
    return { causes: parameter(SCTP_CAUSE.unresolvableAddress, bytesOfParameter(view, found)) };
  if (found.type === SCTP_PARAMETER.adaptationLayer && found.length !== 8) return badLength(view, found.offset);
  return undefined;
}

/** `view[offset..offset + length)` is the chunk, header included; it is long enough for the fixed part. */
export function readInit(view: DataView, offset: number, length: number): ReceivedInit | BadInit {
  const at = offset + SCTP_PARAMETER_HEADER_LENGTH;
  const fields: InitFields = {
    tag: view.getUint32(at),
    window: view.getUint32(at + 4),
    outboundStreams: view.getUint16(at + 8),
    inboundStreams: view.getUint16(at + 10),
    tsn: view.getUint32(at + 12),
  };
  if (fields.outboundStreams === 0 || fields.inboundStreams === 0 || fields.tag === 0 || fields.window < LEAST_WINDOW)
    return { causes: parameter(SCTP_CAUSE.invalidMandatoryParameter, NONE) };
  const end = offset + length;
  const parameters = [...sctpParameters(view, offset + INIT_LENGTH, end)];
  const walked = parameters.reduce((to, one) => to + sctpPadded(one.length), offset + INIT_LENGTH);
  const broken = parameters.find(({ malformed }) => malformed);
  if (broken !== undefined) return badLength(view, broken.offset);
  if (walked < end) return badLength(view, walked);
  const isAck = view.getUint8(offset) === SCTP_CHUNK.initAck;
  if (isAck && !parameters.some(({ type }) => type === SCTP_PARAMETER.stateCookie)) return missingCookie();
  return readParameters(view, fields, parameters);
}

function readParameters(
  view: DataView,
  fields: InitFields,
  parameters: readonly SctpParameter[],
): ReceivedInit | BadInit {
  const unrecognized: Uint8Array[] = [];
  const seen: SctpParameter[] = [];
  for (const found of parameters) {
    const refused = refusal(view, found);
    if (refused !== undefined) return refused;
    if (KNOWN.has(found.type)) seen.push(found);
    else if (isTold(found.type))
      unrecognized.push(parameter(SCTP_CAUSE.unrecognizedParameters, bytesOfParameter(view, found)));
    if (!KNOWN.has(found.type) && !goesOn(found.type)) break;
  }
  const has = (type: number): boolean => parameters.some((one) => one.type === type);
  const find = (type: number): SctpParameter | undefined => parameters.find((one) => one.type === type);
  const cookie = find(SCTP_PARAMETER.stateCookie);
  const preservative = find(SCTP_PARAMETER.cookiePreservative);
  return {
    ...fields,
    addresses: seen
      .filter(({ type, length }) => type === SCTP_PARAMETER.ipv4Address && length === 8)
      .map(({ offset }) => ipv4(view.getInt32(offset + SCTP_PARAMETER_HEADER_LENGTH))),
    cookie: cookie && bytesOfParameter(view, cookie).slice(SCTP_PARAMETER_HEADER_LENGTH),
    ecn: has(SCTP_PARAMETER.ecnCapable),
    forwardTsn: has(SCTP_PARAMETER.forwardTsnSupported),
    cookieLifeMs: preservative?.length === 8 ? view.getUint32(preservative.offset + SCTP_PARAMETER_HEADER_LENGTH) : 0,
    unrecognized: concatBytes(unrecognized),
  };
}
