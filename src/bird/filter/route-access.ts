/** Reading and setting a route's own attributes from filters (filter/filter.c: FI_RTA_*, FI_EA_*). */

import { type IpAddr, ipEquals } from '../address.js';
import type { AttributeDefinition, Attributes, AttributeType, AttributeValue } from '../rib/attributes.js';
import type { Route } from '../rib/route.js';
import { ipv4 } from '../../packet/index.js';
import { FilterError, type FilterRun } from './run.js';
import type { StaticAttribute } from './syntax.js';
import { asQuad, bool, int, NULL_LISTS, type Value, VOID } from './value.js';

/** Numbers of RTD_* in 1.6 and in 2. */
const DEST_16 = ['router', 'device', 'blackhole', 'unreachable', 'prohibit', 'multipath'] as const;
const DEST_2 = ['none', 'unicast', 'blackhole', 'unreachable', 'prohibit'] as const;

function destNumber({ dest }: Route, run: FilterRun): number {
  if (run.environment.dialect === 'bird-1.6') return DEST_16.indexOf(dest);
  const unified = dest === 'router' || dest === 'device' || dest === 'multipath' ? 'unicast' : dest;
  return DEST_2.indexOf(unified);
}

const address = (addr: IpAddr | undefined, route: Route): Value => ({
  type: 'ip',
  value: addr ?? (typeof route.net.addr === 'number' ? ipv4(0) : [0, 0, 0, 0]),
});

export function readStatic(run: FilterRun, attribute: StaticAttribute, line: number): Value {
  const route = run.require(line);
  switch (attribute) {
    case 'from':
      return address(route.from, route);
    case 'gw':
      return address(route.gateway, route);
    case 'net':
      return { type: 'prefix', value: route.net };
    case 'proto':
      return { type: 'string', value: route.origin.name };
    case 'source':
      return { type: 'enum', kind: 'source', value: route.source };
    case 'scope':
      return { type: 'enum', kind: 'scope', value: route.scope };
    case 'cast':
      return { type: 'enum', kind: 'cast', value: route.cast };
    case 'dest':
      return { type: 'enum', kind: 'dest', value: destNumber(route, run) };
    case 'ifname':
      return { type: 'string', value: route.iface ?? '' };
    case 'ifindex':
      return int(route.iface === undefined ? 0 : (run.environment.ifindex(route.iface) ?? 0));
    case 'weight':
      return int(route.hops[0]?.weight ?? 1);
    case 'onlink':
      return bool(route.onlink);
  }
}

function setGateway(run: FilterRun, value: Value, line: number): void {
  if (value.type !== 'ip') throw new FilterError('Attempt to set static attribute to incompatible type', line);
  const neighbor = run.environment.neighbor(value.value);
  if (neighbor === undefined || neighbor === 'self') throw new FilterError('Invalid gw address', line);
  run.edit({ dest: 'router', gateway: value.value, iface: neighbor.iface, hops: [], hostEntry: undefined });
}

function setDestination(run: FilterRun, value: Value, line: number): void {
  if (value.type !== 'enum' || value.kind !== 'dest') {
    throw new FilterError('Attempt to set static attribute to incompatible type', line);
  }
  const names = run.environment.dialect === 'bird-1.6' ? DEST_16 : DEST_2;
  const dest = names[value.value];
  if (dest !== 'blackhole' && dest !== 'unreachable' && dest !== 'prohibit') {
    throw new FilterError('Destination can be changed only to blackhole, unreachable or prohibit', line);
  }
  run.edit({ dest, gateway: undefined, iface: undefined, hops: [], hostEntry: undefined });
}

export function writeStatic(run: FilterRun, attribute: StaticAttribute, value: Value, line: number): void {
  run.require(line);
  const mismatch = (): never => {
    throw new FilterError('Attempt to set static attribute to incompatible type', line);
  };
  switch (attribute) {
    case 'from':
      run.edit({ from: value.type === 'ip' ? value.value : mismatch() });
      return;
    case 'gw':
      setGateway(run, value, line);
      return;
    case 'scope':
      run.edit({ scope: value.type === 'enum' && value.kind === 'scope' ? value.value : mismatch() });
      return;
    case 'dest':
      setDestination(run, value, line);
      return;
    case 'ifname': {
      const name = value.type === 'string' ? value.value : mismatch();
      if (run.environment.ifindex(name) === undefined) throw new FilterError('Invalid iface name', line);
      run.edit({ dest: 'device', gateway: undefined, iface: name, hops: [], hostEntry: undefined });
      return;
    }
    case 'onlink':
      run.edit({ onlink: value.type === 'bool' ? value.value : mismatch() });
      return;
    default:
      mismatch();
  }
}

/** An undefined list reads as an empty one, and in 2 a path does; anything else undefined is void. */
function undefinedAttribute(type: AttributeType, { environment }: FilterRun): Value {
  switch (type) {
    case 'clist':
    case 'eclist':
    case 'lclist':
      return NULL_LISTS[type];
    case 'path':
      return environment.dialect === 'bird-2' ? NULL_LISTS.path : VOID;
    default:
      return VOID;
  }
}

export function readAttribute(run: FilterRun, { id, type, mask = 0 }: AttributeDefinition, line: number): Value {
  const { attributes } = run.require(line);
  const value = attributes[id];
  if (value === undefined) return undefinedAttribute(type, run);
  switch (type) {
    case 'int':
      return int(Number(value) >>> 0);
    case 'origin':
      return run.environment.dialect === 'bird-1.6'
        ? int(Number(value))
        : { type: 'enum', kind: 'origin', value: Number(value) };
    case 'bit':
      return bool((Number(value) & mask) !== 0);
    case 'quad':
      return { type: 'quad', value: Number(value) >>> 0 };
    case 'opaque':
      return { type: 'opaque' };
    case 'string':
      return typeof value === 'string' ? { type: 'string', value } : VOID;
    default:
      return { type, value } as Value;
  }
}

interface Storable {
  readonly value?: AttributeValue;
  readonly error?: string;
}

const WORDS: Readonly<Record<string, string>> = {
  path: 'path',
  clist: 'clist',
  eclist: 'eclist',
  lclist: 'lclist',
  ip: 'ip',
  string: 'string',
};

/** The value as the attribute keeps it, or why it cannot. */
export function storableValue(attribute: AttributeDefinition, value: Value, attributes: Attributes): Storable {
  const { type, id, mask = 0 } = attribute;
  switch (type) {
    case 'int':
    case 'origin':
      return value.type === 'int' || value.type === 'enum'
        ? { value: value.value }
        : { error: 'Setting int attribute to non-int value' };
    case 'quad': {
      const quad = value.type === 'int' ? value.value : asQuad(value);
      return quad === undefined ? { error: 'Setting quad attribute to non-quad value' } : { value: quad };
    }
    case 'opaque':
      return { error: 'Setting opaque attribute is not allowed' };
    case 'bit': {
      if (value.type !== 'bool') return { error: 'Setting bit in bitfield attribute to non-bool value' };
      const before = Number(attributes[id] ?? 0);
      return { value: value.value ? before | mask : before & ~mask };
    }
    default:
      return value.type === type && 'value' in value
        ? { value: value.value }
        : { error: `Setting ${WORDS[type] ?? type} attribute to non-${WORDS[type] ?? type} value` };
  }
}

/** Whether two gateways are the same or both missing. */
export const sameGateway = (a: IpAddr | undefined, b: IpAddr | undefined): boolean =>
  a === undefined || b === undefined ? a === b : ipEquals(a, b);
