/** SCTP as nodes: chunks, what is in those of an association's beginning and of data, their parameters and causes. */

import { bytesOf, toHex } from '../bytes.js';
import { formatIpv4, ipv4 } from '../ip.js';
import {
  crc32c,
  SCTP_CAUSE,
  SCTP_CHUNK,
  SCTP_CHUNK_HEADER_LENGTH,
  SCTP_HEADER_LENGTH,
  SCTP_PARAMETER,
  Sctp,
  type SctpChunk,
  type SctpParameter,
  sctpParameters,
} from '../sctp.js';
import { type DissectedNode, Fields, hex, type Layer, layerNode, named, type Place, tooShort } from './node.js';
import { cutShort, portsOnly } from './transport.js';

/** Longer values are shown as a number of octets. */
const MOST_SHOWN = 16;

function itemValue(view: DataView, { type, offset, length }: SctpParameter): string {
  const at = offset + 4;
  if (type === SCTP_PARAMETER.ipv4Address && length === 8) return formatIpv4(ipv4(view.getInt32(at)));
  if (length - 4 > MOST_SHOWN) return `${length - 4} octets`;
  return toHex(bytesOf(view, at, offset + length));
}

/** A parameter or a cause. */
function itemNode(view: DataView, item: SctpParameter, of: 'parameter' | 'cause'): DissectedNode {
  const { type, offset, length, malformed } = item;
  const label = named(of === 'parameter' ? SCTP_PARAMETER : SCTP_CAUSE, type);
  const node = { name: of, label, value: malformed ? '' : itemValue(view, item), offset, length, children: [] };
  return malformed ? { ...node, problem: 'its length is wrong: it and what follows cannot be read' } : node;
}

function addItems(fields: Fields, view: DataView, range: readonly [number, number], of: 'parameter' | 'cause'): void {
  for (const item of sctpParameters(view, range[0], range[1])) fields.push(itemNode(view, item, of));
}

type Body = (fields: Fields, view: DataView, at: number) => void;

const addInit: Body = (fields, view, at) => {
  fields
    .add('initiateTag', 'Initiate tag', [4, 4], hex(view.getUint32(at + 4), 8))
    .add('window', 'Advertised receiver window', [8, 4], view.getUint32(at + 8))
    .add('outboundStreams', 'Outbound streams', [12, 2], view.getUint16(at + 12))
    .add('inboundStreams', 'Inbound streams', [14, 2], view.getUint16(at + 14))
    .add('initialTsn', 'Initial TSN', [16, 4], view.getUint32(at + 16));
};

const addData: Body = (fields, view, at) => {
  fields
    .add('tsn', 'TSN', [4, 4], view.getUint32(at + 4))
    .add('stream', 'Stream', [8, 2], view.getUint16(at + 8))
    .add('streamSequence', 'Stream sequence number', [10, 2], view.getUint16(at + 10))
    .add('payloadProtocol', 'Payload protocol', [12, 4], view.getUint32(at + 12));
};

const addSack: Body = (fields, view, at) => {
  fields
    .add('cumulativeTsn', 'Cumulative TSN', [4, 4], view.getUint32(at + 4))
    .add('window', 'Advertised receiver window', [8, 4], view.getUint32(at + 8))
    .add('gaps', 'Gap ack blocks', [12, 2], view.getUint16(at + 12))
    .add('duplicates', 'Duplicate TSNs', [14, 2], view.getUint16(at + 14));
};

const addShutdown: Body = (fields, view, at) => {
  fields.add('cumulativeTsn', 'Cumulative TSN', [4, 4], view.getUint32(at + 4));
};

/** Octets that a chunk has at least, what they are, and what follows them. */
const BODIES: Readonly<
  Record<number, { readonly length: number; readonly add: Body; readonly items?: 'parameter' | 'cause' }>
> = {
  [SCTP_CHUNK.data]: { length: 16, add: addData },
  [SCTP_CHUNK.init]: { length: 20, add: addInit, items: 'parameter' },
  [SCTP_CHUNK.initAck]: { length: 20, add: addInit, items: 'parameter' },
  [SCTP_CHUNK.sack]: { length: 16, add: addSack },
  [SCTP_CHUNK.abort]: { length: SCTP_CHUNK_HEADER_LENGTH, add: () => {}, items: 'cause' },
  [SCTP_CHUNK.error]: { length: SCTP_CHUNK_HEADER_LENGTH, add: () => {}, items: 'cause' },
  [SCTP_CHUNK.shutdown]: { length: 8, add: addShutdown },
};

function chunkNode(view: DataView, chunk: SctpChunk): DissectedNode {
  const { type, flags, offset, length, malformed } = chunk;
  const fields = new Fields(offset).add('type', 'Type', [0, 1], named(SCTP_CHUNK, type));
  if (length >= SCTP_CHUNK_HEADER_LENGTH) {
    fields.add('flags', 'Flags', [1, 1], hex(flags, 2)).add('length', 'Length', [2, 2], length);
  }
  const body = malformed ? undefined : BODIES[type];
  if (body !== undefined && length >= body.length) {
    body.add(fields, view, offset);
    if (body.items !== undefined) addItems(fields, view, [offset + body.length, offset + length], body.items);
  }
  const text = { name: 'chunk', label: 'Chunk', value: named(SCTP_CHUNK, type) };
  const node = layerNode(text, fields, offset + length);
  return malformed ? { ...node, problem: 'its length is wrong: it and what follows cannot be read' } : node;
}

function addCrc(fields: Fields, sctp: Sctp, place: Place): void {
  const incomplete = place.network?.incomplete;
  const value = hex(sctp.checksum, 8);
  const expected = crc32c(place.view, sctp.offset, place.end, sctp.offset + 8);
  if (incomplete !== undefined) fields.add('checksum', 'Checksum', [8, 4], `${value} (not verified: ${incomplete})`);
  else if (expected === sctp.checksum) fields.add('checksum', 'Checksum', [8, 4], `${value} (correct)`);
  else {
    fields.add('checksum', 'Checksum', [8, 4], value).problem(`wrong checksum: ${hex(expected, 8)} expected`);
  }
}

export function dissectSctp(place: Place): Layer {
  const text = { name: 'sctp', label: 'Stream Control Transmission Protocol' };
  const left = place.end - place.offset;
  if (left < SCTP_HEADER_LENGTH) {
    return cutShort(place) && left >= 4 ? portsOnly(text, place) : tooShort(text, place, SCTP_HEADER_LENGTH);
  }
  const sctp = new Sctp(place.view, place.offset);
  const fields = new Fields(place.offset)
    .add('sourcePort', 'Source port', [0, 2], sctp.sourcePort)
    .add('destinationPort', 'Destination port', [2, 2], sctp.destinationPort)
    .add('verificationTag', 'Verification tag', [4, 4], hex(sctp.verificationTag, 8));
  addCrc(fields, sctp, place);
  if (!cutShort(place)) for (const chunk of sctp.chunks(place.end)) fields.push(chunkNode(place.view, chunk));
  const value = `${sctp.sourcePort} > ${sctp.destinationPort}`;
  return { node: layerNode({ ...text, value }, fields, place.end) };
}
