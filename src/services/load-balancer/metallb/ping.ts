/**
 * The ping and acknowledgement by which speakers know of one another (hashicorp/memberlist net.go: a type, then MessagePack).
 * Differs: neither encrypted, as MetalLB's manifests have it, nor in compound messages with a checksum.
 */

const PING = 0;
const ACK = 2;
/** `SeqNo` as a MessagePack string of five characters. */
const SEQ_NO = [0xa5, 0x53, 0x65, 0x71, 0x4e, 0x6f];
const MAP_OF_TWO = 0x82;
const UINT32 = 0xce;
const AT_NUMBER = 2 + SEQ_NO.length;

export interface MemberMessage {
  readonly type: 'ping' | 'ack';
  readonly sequence: number;
}

const text = (value: string): number[] => {
  const bytes = new TextEncoder().encode(value.slice(0, 31));
  return [0xa0 | bytes.length, ...bytes];
};

/** A ping names the member that it is for. */
export function encodeMemberMessage({ type, sequence }: MemberMessage, node: string): Uint8Array {
  const number = [24, 16, 8, 0].map((shift) => (sequence >>> shift) & 0xff);
  const rest = type === 'ping' ? [...text('Node'), ...text(node)] : [...text('Payload'), 0xa0];
  return Uint8Array.from([type === 'ping' ? PING : ACK, MAP_OF_TWO, ...SEQ_NO, UINT32, ...number, ...rest]);
}

export function parseMemberMessage(bytes: Uint8Array): MemberMessage | undefined {
  const type = bytes[0] === PING ? 'ping' : bytes[0] === ACK ? 'ack' : undefined;
  const known = bytes[1] === MAP_OF_TWO && bytes[AT_NUMBER] === UINT32 && bytes.length >= AT_NUMBER + 5;
  if (type === undefined || !known || SEQ_NO.some((octet, i) => bytes[2 + i] !== octet)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { type, sequence: view.getUint32(AT_NUMBER + 1) };
}
