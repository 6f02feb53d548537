/**
 * BGP OPEN (RFC 4271 §4.2) with capabilities (RFC 5492): multiprotocol, route refresh, graceful restart,
 * four-octet AS numbers, add-path and what else BIRD knows; others are kept as octets.
 */

import { octet, viewOf } from '../bytes.js';
import { type Ipv4Addr, ipv4 } from '../ip.js';
import { ByteWriter } from './byte-writer.js';
import { BGP_CAPABILITY, BGP_ERROR, BGP_MESSAGE } from './constants.js';
import { type BgpProblem, bgpProblem, encodeBgpMessage } from './message.js';

/** An address family: AFI and SAFI. */
export interface BgpFamily {
  readonly afi: number;
  readonly safi: number;
}

export interface GracefulRestartFamily extends BgpFamily {
  /** The forwarding state was kept. */
  readonly forwarding: boolean;
}

export type BgpCapability =
  | { readonly kind: 'multiprotocol'; readonly family: BgpFamily }
  | { readonly kind: 'routeRefresh' | 'enhancedRouteRefresh' | 'extendedMessage' }
  | {
      readonly kind: 'gracefulRestart';
      /** The speaker restarts now. */
      readonly restarting: boolean;
      /** Seconds, below 4096. */
      readonly time: number;
      readonly families: readonly GracefulRestartFamily[];
    }
  | { readonly kind: 'fourOctetAs'; readonly as: number }
  | { readonly kind: 'addPath'; readonly families: readonly (BgpFamily & { readonly mode: number })[] }
  | {
      readonly kind: 'longLivedGracefulRestart';
      readonly families: readonly (GracefulRestartFamily & { readonly time: number })[];
    }
  | { readonly kind: 'other'; readonly code: number; readonly value: Uint8Array };

export interface BgpOpen {
  readonly version: number;
  /** The two-octet field: AS_TRANS where the number has four. */
  readonly as: number;
  /** Seconds. */
  readonly holdTime: number;
  readonly identifier: Ipv4Addr;
  readonly capabilities: readonly BgpCapability[];
  /** A parameter that is no capability list, which RFC 4271 §6.2 refuses. */
  readonly unknownParameter?: Uint8Array;
}

const PARAMETER_CAPABILITIES = 2;
const RESTARTING = 0x8000;
const FORWARDING = 0x80;

const MARKERS = {
  routeRefresh: BGP_CAPABILITY.routeRefresh,
  enhancedRouteRefresh: BGP_CAPABILITY.enhancedRouteRefresh,
  extendedMessage: BGP_CAPABILITY.extendedMessage,
} as const;

function encodeCapability(writer: ByteWriter, capability: BgpCapability): void {
  switch (capability.kind) {
    case 'multiprotocol':
      writer.u8(BGP_CAPABILITY.multiprotocol).u8(4).u16(capability.family.afi).u8(0).u8(capability.family.safi);
      return;
    case 'routeRefresh':
    case 'enhancedRouteRefresh':
    case 'extendedMessage':
      writer.u8(MARKERS[capability.kind]).u8(0);
      return;
    case 'gracefulRestart':
      writer
        .u8(BGP_CAPABILITY.gracefulRestart)
        .u8(2 + 4 * capability.families.length)
        .u16((capability.restarting ? RESTARTING : 0) | (capability.time & 0x0fff));
      for (const { afi, safi, forwarding } of capability.families) {
        writer
          .u16(afi)
          .u8(safi)
          .u8(forwarding ? FORWARDING : 0);
      }
      return;
    case 'fourOctetAs':
      writer.u8(BGP_CAPABILITY.fourOctetAs).u8(4).u32(capability.as);
      return;
    case 'addPath':
      writer.u8(BGP_CAPABILITY.addPath).u8(4 * capability.families.length);
      for (const { afi, safi, mode } of capability.families) writer.u16(afi).u8(safi).u8(mode);
      return;
    case 'longLivedGracefulRestart':
      writer.u8(BGP_CAPABILITY.longLivedGracefulRestart).u8(7 * capability.families.length);
      for (const { afi, safi, forwarding, time } of capability.families) {
        writer
          .u16(afi)
          .u8(safi)
          .u32(((forwarding ? FORWARDING : 0) * 0x0100_0000 + (time & 0x00ff_ffff)) >>> 0);
      }
      return;
    case 'other':
      writer.u8(capability.code).u8(capability.value.length).write(capability.value);
  }
}

/** The message, its capabilities in one parameter. */
export function encodeBgpOpen(open: BgpOpen): Uint8Array {
  const capabilities = new ByteWriter();
  for (const capability of open.capabilities) encodeCapability(capabilities, capability);
  const body = new ByteWriter().u8(open.version).u16(open.as).u16(open.holdTime).u32(open.identifier);
  if (capabilities.length === 0) body.u8(0);
  else {
    body
      .u8(capabilities.length + 2)
      .u8(PARAMETER_CAPABILITIES)
      .u8(capabilities.length)
      .write(capabilities.bytes);
  }
  return encodeBgpMessage(BGP_MESSAGE.open, body.bytes);
}

const families = <T>(value: Uint8Array, from: number, size: number, read: (view: DataView, at: number) => T): T[] => {
  const view = viewOf(value);
  const all: T[] = [];
  for (let at = from; at + size <= value.length; at += size) all.push(read(view, at));
  return all;
};

/** A capability's value; undefined where its length is not one that it may have. */
function parseCapability(code: number, value: Uint8Array): BgpCapability | undefined {
  const view = viewOf(value);
  const family = (at: number): BgpFamily => ({ afi: view.getUint16(at), safi: octet(value, at + 2) });
  switch (code) {
    case BGP_CAPABILITY.multiprotocol:
      if (value.length !== 4) return undefined;
      return { kind: 'multiprotocol', family: { afi: view.getUint16(0), safi: octet(value, 3) } };
    case BGP_CAPABILITY.routeRefresh:
      return value.length === 0 ? { kind: 'routeRefresh' } : undefined;
    case BGP_CAPABILITY.enhancedRouteRefresh:
      return value.length === 0 ? { kind: 'enhancedRouteRefresh' } : undefined;
    case BGP_CAPABILITY.extendedMessage:
      return value.length === 0 ? { kind: 'extendedMessage' } : undefined;
    case BGP_CAPABILITY.gracefulRestart:
      if (value.length % 4 !== 2) return undefined;
      return {
        kind: 'gracefulRestart',
        restarting: (view.getUint16(0) & RESTARTING) !== 0,
        time: view.getUint16(0) & 0x0fff,
        families: families(value, 2, 4, (_, at) => ({
          forwarding: (octet(value, at + 3) & 0x80) !== 0,
          ...family(at),
        })),
      };
    case BGP_CAPABILITY.fourOctetAs:
      return value.length === 4 ? { kind: 'fourOctetAs', as: view.getUint32(0) } : undefined;
    case BGP_CAPABILITY.addPath:
      if (value.length % 4 !== 0) return undefined;
      return {
        kind: 'addPath',
        families: families(value, 0, 4, (_, at) => ({ mode: octet(value, at + 3), ...family(at) })),
      };
    case BGP_CAPABILITY.longLivedGracefulRestart:
      if (value.length % 7 !== 0) return undefined;
      return {
        kind: 'longLivedGracefulRestart',
        families: families(value, 0, 7, (from, at) => ({
          ...family(at),
          forwarding: (octet(value, at + 3) & 0x80) !== 0,
          time: from.getUint32(at + 3) & 0x00ff_ffff,
        })),
      };
    default:
      return { kind: 'other', code, value: value.slice() };
  }
}

function parseCapabilities(value: Uint8Array, into: BgpCapability[]): boolean {
  for (let at = 0; at < value.length; ) {
    if (value.length - at < 2) return false;
    const end = at + 2 + octet(value, at + 1);
    if (end > value.length) return false;
    const capability = parseCapability(octet(value, at), value.subarray(at + 2, end));
    if (capability === undefined) return false;
    into.push(capability);
    at = end;
  }
  return true;
}

/** The body of an OPEN, or what is wrong with it (RFC 4271 §6.2). Whether version and AS will do is the caller's matter. */
export function parseBgpOpen(body: Uint8Array): BgpOpen | BgpProblem {
  const length = body.length + 19;
  const badLength = bgpProblem(BGP_ERROR.messageHeader, 2, new Uint8Array([length >>> 8, length & 0xff]));
  if (body.length < 10 || body.length !== 10 + octet(body, 9)) return badLength;
  const view = viewOf(body);
  const capabilities: BgpCapability[] = [];
  let unknownParameter: Uint8Array | undefined;
  for (let at = 10; at < body.length; ) {
    if (body.length - at < 2) return bgpProblem(BGP_ERROR.openMessage, 0);
    const end = at + 2 + octet(body, at + 1);
    if (end > body.length) return bgpProblem(BGP_ERROR.openMessage, 0);
    if (octet(body, at) !== PARAMETER_CAPABILITIES) unknownParameter ??= body.slice(at, end);
    else if (!parseCapabilities(body.subarray(at + 2, end), capabilities)) return bgpProblem(BGP_ERROR.openMessage, 0);
    at = end;
  }
  return {
    version: octet(body, 0),
    as: view.getUint16(1),
    holdTime: view.getUint16(3),
    identifier: ipv4(view.getUint32(5)),
    capabilities,
    ...(unknownParameter === undefined ? {} : { unknownParameter }),
  };
}
