/**
 * Where everything stands in the picture, in units of its own: outside hosts on top, routers below them, then the
 * subnets side by side, each with its nodes in rows, each node with its pods. Pure: the same cluster, the same picture.
 *
 *     (internet)                      ports hang on rows of a subnet, rows on its trunk, the trunk on its bus:
 *      [spine]                        a way between two ports goes up as far as both have in common
 *     ══bus═════════
 *      │ trunk
 *      ├──row──┬───────┐
 *           [node1] [node2]
 */

import type { Host, Pod } from '../api-types.js';
import { placeOf, placeOfPod } from '../state/names.js';

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Box extends Point {
  readonly width: number;
  readonly height: number;
}

export interface PodBox extends Box {
  readonly place: string;
  readonly pod: Pod;
}

export interface Port {
  readonly name: string;
  readonly subnet: string;
  readonly at: Point;
  /** From the port to the subnet's bus. */
  readonly wayUp: readonly Point[];
}

export interface MachineBox extends Box {
  readonly place: string;
  readonly host: Host;
  readonly ports: readonly Port[];
  readonly pods: readonly PodBox[];
  /** How much larger than usual it is: machines above large racks are. */
  readonly scale: number;
  /** Where packets are routed: a line inside the box. */
  readonly barY: number;
  /** Where tunnel devices stand. */
  readonly tunnel: Point;
}

export interface SubnetBox extends Box {
  readonly name: string;
  readonly bus: readonly [Point, Point];
  readonly lines: readonly (readonly Point[])[];
}

export interface Layout extends Box {
  /** How much larger than usual what stands above the racks is. */
  readonly scale: number;
  readonly machines: ReadonlyMap<string, MachineBox>;
  readonly subnets: readonly SubnetBox[];
  readonly pods: ReadonlyMap<string, PodBox>;
}

const POD = { width: 108, height: 40, gap: 8 } as const;
const NODE = { header: 58, padding: 12, gap: 28, minWidth: 196 } as const;
const SUBNET = { header: 30, padding: 20, gap: 48, wideGap: 120, rowGap: 34, trunk: 14 } as const;
/** Racks of so many nodes are seen from afar: their names need room between them. */
const MANY_NODES = 24;
const ROUTER = { width: 190, height: 54, gap: 36 } as const;
/** Racks wider than this are seen from so far that what is above them must grow with them. */
const USUAL_WIDTH = 1600;
const MAX_SCALE = 5;
const LEVEL_GAP = 64;
/** Between lines of subnets that no node is in. */
export const EDGE_GAP = 30;
/** So far such a line goes on beyond what hangs on it. */
const EDGE_END = 30;
/** Room for a letter of its name, which stands before it. */
const EDGE_LETTER = 10;
/** Racks of one row of the picture together are about this many times as wide as the picture is high. */
const ASPECT = 2.1;
/** Pods that a node's box shows in one line at least. */
const MIN_COLUMNS = 2;

const columnsFor = (count: number): number => Math.max(MIN_COLUMNS, Math.ceil(Math.sqrt(count * 0.75)));

interface Size {
  readonly width: number;
  readonly height: number;
}

interface Sized extends Size {
  readonly host: Host;
  readonly pods: readonly Pod[];
  readonly columns: number;
}

function sized(host: Host, pods: readonly Pod[]): Sized {
  const columns = columnsFor(pods.length);
  const rows = Math.ceil(pods.length / columns);
  const width = Math.max(NODE.minWidth, 2 * NODE.padding + columns * (POD.width + POD.gap) - POD.gap);
  return {
    host,
    pods,
    columns,
    width,
    height: NODE.header + NODE.padding + Math.max(1, rows) * (POD.height + POD.gap),
  };
}

function podBoxes({ pods, columns }: Sized, { x, y }: Point): PodBox[] {
  return pods.map((pod, i) => ({
    pod,
    place: placeOfPod(pod),
    x: x + NODE.padding + (i % columns) * (POD.width + POD.gap),
    y: y + NODE.header + Math.floor(i / columns) * (POD.height + POD.gap),
    width: POD.width,
    height: POD.height,
  }));
}

const innerOf = (box: Point & Size): Pick<MachineBox, 'barY' | 'tunnel'> => ({
  barY: box.y + NODE.header - 12,
  tunnel: { x: box.x + box.width - 58, y: box.y },
});

/** Rows of nodes, as even as they come, so that a subnet is about as wide as high. */
function rowsOf(nodes: readonly Sized[]): readonly (readonly Sized[])[] {
  const perRow = Math.max(2, Math.ceil(Math.sqrt(nodes.length * 1.2)));
  const rows: (readonly Sized[])[] = [];
  for (let i = 0; i < nodes.length; i += perRow) rows.push(nodes.slice(i, i + perRow));
  return rows;
}

interface PlacedSubnet {
  readonly box: SubnetBox;
  readonly machines: readonly MachineBox[];
}

const heightOf = (row: readonly Size[]): number => Math.max(0, ...row.map(({ height }) => height));
const widthOf = (row: readonly Size[], gap: number): number =>
  row.reduce((sum, { width }) => sum + width + gap, 0) - (row.length === 0 ? 0 : gap);

const subnetSize = (rows: readonly (readonly Sized[])[]): Size => ({
  width: 2 * SUBNET.padding + SUBNET.trunk + Math.max(...rows.map((row) => widthOf(row, NODE.gap))),
  height: SUBNET.header + SUBNET.padding + rows.reduce((sum, row) => sum + heightOf(row) + SUBNET.rowGap, 0),
});

function placeSubnet(name: string, nodes: readonly Sized[], at: Point): PlacedSubnet {
  const rows = rowsOf(nodes);
  const size = subnetSize(rows);
  const trunkX = at.x + SUBNET.padding;
  const busY = at.y;
  const machines: MachineBox[] = [];
  const lines: (readonly Point[])[] = [];
  const junctions: Point[] = [{ x: trunkX, y: busY }];
  let y = at.y + SUBNET.header;
  for (const row of rows) {
    const rowY = y + 10;
    junctions.unshift({ x: trunkX, y: rowY });
    const top = y + SUBNET.rowGap;
    let x = trunkX + SUBNET.trunk + SUBNET.padding / 2;
    for (const node of row) {
      const box = { x, y: top, width: node.width, height: node.height };
      machines.push(nodeBox(node, box, { subnet: name, rowY, junctions: [...junctions] }));
      x += node.width + NODE.gap;
    }
    const last = machines.at(-1)?.ports[0]?.at.x ?? trunkX;
    lines.push([
      { x: trunkX, y: rowY },
      { x: last, y: rowY },
    ]);
    y = top + heightOf(row);
  }
  const lowest = junctions[0] ?? { x: trunkX, y: busY };
  lines.push([{ x: trunkX, y: busY }, lowest]);
  const bus = [
    { x: at.x, y: busY },
    { x: at.x + size.width, y: busY },
  ] as const;
  return { box: { name, ...at, ...size, bus, lines }, machines };
}

function nodeBox(
  node: Sized,
  box: Box,
  { subnet, rowY, junctions }: { readonly subnet: string; readonly rowY: number; readonly junctions: readonly Point[] },
): MachineBox {
  const { host } = node;
  const ports = host.interfaces.map((one, i): Port => {
    const at = { x: box.x + 34 + i * 64, y: box.y };
    return {
      name: one.name,
      subnet: one.subnet,
      at,
      wayUp: one.subnet === subnet ? [at, { x: at.x, y: rowY }, ...junctions] : [at],
    };
  });
  return { ...box, place: placeOf(host), host, ports, pods: podBoxes(node, box), scale: 1, ...innerOf(box) };
}

interface SubnetGroup extends Size {
  readonly name: string;
  readonly nodes: readonly Sized[];
}

/** Left upper corners of subnets that stand in rows of at most that width, and the extent of them all. */
function flow(
  groups: readonly SubnetGroup[],
  limit: number,
  gap: number,
): { readonly corners: readonly Point[]; readonly size: Size } {
  const corners: Point[] = [];
  let [x, y, rowHeight, width] = [0, 0, 0, 0];
  for (const group of groups) {
    if (x > 0 && x + group.width > limit) [x, y, rowHeight] = [0, y + rowHeight + gap, 0];
    corners.push({ x, y });
    width = Math.max(width, x + group.width);
    x += group.width + gap;
    rowHeight = Math.max(rowHeight, group.height);
  }
  return { corners, size: { width, height: y + rowHeight } };
}

/** How large the picture can be shown on a screen of the usual form. */
const scaleOf = ({ width, height }: Size, above: number): number => Math.min(ASPECT / width, 1 / (height + above));

/** Racks in rows: of all widths that a row may have, the one that shows the whole largest. */
function arrangeSubnets(groups: ReadonlyMap<string, readonly Sized[]>, above: number): readonly PlacedSubnet[] {
  const sizes = [...groups].map(([name, nodes]) => ({ name, nodes, ...subnetSize(rowsOf(nodes)) }));
  const count = sizes.reduce((sum, { nodes }) => sum + nodes.length, 0);
  const gap = count > MANY_NODES ? SUBNET.wideGap : SUBNET.gap;
  let best = flow(sizes, 0, gap);
  let limit = 0;
  for (const { width } of sizes) {
    limit += width + gap;
    const next = flow(sizes, limit, gap);
    if (scaleOf(next.size, above) > scaleOf(best.size, above)) best = next;
  }
  return sizes.map(({ name, nodes }, i) => placeSubnet(name, nodes, best.corners[i] ?? { x: 0, y: 0 }));
}

/** Nodes by the subnet of their first interface, in the order of the subnets' names. */
function bySubnet(hosts: readonly Host[], podsOf: ReadonlyMap<string, readonly Pod[]>): Map<string, readonly Sized[]> {
  const groups = new Map<string, Sized[]>();
  // node2 before node10.
  const nodes = hosts.filter(({ role }) => role === 'node');
  for (const host of nodes.toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))) {
    const subnet = host.interfaces[0]?.subnet ?? '';
    const own = groups.get(subnet) ?? [];
    groups.set(subnet, own);
    own.push(sized(host, podsOf.get(host.name) ?? []));
  }
  return new Map([...groups].toSorted(([a], [b]) => a.localeCompare(b)));
}

interface Bus {
  readonly y: number;
  readonly from: number;
  readonly to: number;
}

/** What stands above the racks is placed by. */
interface Above {
  readonly width: number;
  readonly buses: ReadonlyMap<string, Bus>;
  /** As large as the racks below ask for, so that it is seen beside them. */
  readonly scale: number;
}

/** A machine above the subnets, with a port for each interface on the edge that its subnet is at. */
function outsideBox(host: Host, at: Point, { buses, scale }: Above): MachineBox {
  const box = { ...at, width: ROUTER.width * scale, height: ROUTER.height * scale };
  const step = box.width / (host.interfaces.length + 1);
  const ports = host.interfaces.map(({ name, subnet }, i): Port => {
    const bus = buses.get(subnet);
    const above = bus !== undefined && bus.y < at.y;
    const port = { x: at.x + step * (i + 1), y: above ? at.y : at.y + box.height };
    return { name, subnet, at: port, wayUp: bus === undefined ? [port] : dropTo(port, bus) };
  });
  return {
    ...box,
    place: placeOf(host),
    host,
    ports,
    pods: [],
    scale,
    barY: at.y + box.height / 2,
    tunnel: { x: at.x + box.width / 2, y: at.y },
  };
}

/** Straight to the bus, or by a step aside where the port does not stand over it. */
function dropTo(port: Point, { y, from, to }: Bus): readonly Point[] {
  const x = Math.min(Math.max(port.x, from), to);
  if (x === port.x) return [port, { x, y }];
  const middle = port.y + (y > port.y ? 18 : -18);
  return [port, { x: port.x, y: middle }, { x, y: middle }, { x, y }];
}

/** Of one row, in the middle of the whole. */
function rowBoxes(hosts: readonly Host[], y: number, above: Above): MachineBox[] {
  const step = (ROUTER.width + ROUTER.gap) * above.scale;
  const left = (above.width - hosts.length * step + ROUTER.gap * above.scale) / 2;
  return hosts.map((host, i) => outsideBox(host, { x: left + i * step, y }, above));
}

const busOf = ({ bus: [left, right] }: SubnetBox): Bus => ({ y: left.y, from: left.x, to: right.x });

/** Such a line is as long as what hangs on it asks for. */
function spanned(edge: SubnetBox, machines: readonly MachineBox[]): SubnetBox {
  const ports = machines.flatMap(({ ports: own }) => own.filter(({ subnet }) => subnet === edge.name));
  if (ports.length === 0) return edge;
  const xs = ports.map(({ at }) => at.x);
  const [from, to] = [Math.min(...xs) - EDGE_END, Math.max(...xs) + EDGE_END];
  const bus = [
    { x: from, y: edge.y },
    { x: to, y: edge.y },
  ] as const;
  return { ...edge, x: from, width: to - from, bus };
}

/** Subnets that no node is in: lines between the machines above. */
function edgeSubnets(
  hosts: readonly Host[],
  taken: ReadonlyMap<string, unknown>,
  { width, y, gap }: { readonly width: number; readonly y: number; readonly gap: number },
): SubnetBox[] {
  const names = new Set(hosts.flatMap(({ interfaces }) => interfaces.map(({ subnet }) => subnet)));
  return [...names]
    .filter((name) => !taken.has(name))
    .toSorted()
    .map((name, i) => {
      const box = { x: width * 0.1, y: y - gap * i, width: width * 0.8, height: 0 };
      const bus = [
        { x: box.x, y: box.y },
        { x: box.x + box.width, y: box.y },
      ] as const;
      return { name, ...box, bus, lines: [] };
    });
}

function podsByNode(pods: readonly Pod[]): ReadonlyMap<string, readonly Pod[]> {
  const byNode = new Map<string, Pod[]>();
  for (const pod of pods) {
    if (pod.hostNetwork) continue;
    const own = byNode.get(pod.node) ?? [];
    byNode.set(pod.node, own);
    own.push(pod);
  }
  return byNode;
}

/** Machines that are no nodes: those that lead into racks, and those beyond them. */
function outsideOf(hosts: readonly Host[], racks: ReadonlyMap<string, unknown>) {
  const outside = hosts.filter(({ role }) => role !== 'node');
  const near = outside.filter(
    ({ role, interfaces }) => role !== 'host' || interfaces.some(({ subnet }) => racks.has(subnet)),
  );
  return { outside, near, far: outside.filter((host) => !near.includes(host)) };
}

export function layoutOf(hosts: readonly Host[], pods: readonly Pod[]): Layout {
  const groups = bySubnet(hosts, podsByNode(pods));
  const { outside, near, far } = outsideOf(hosts, groups);
  const beyond = far.length > 0 || near.some(({ interfaces }) => interfaces.some(({ subnet }) => !groups.has(subnet)));
  const racks = arrangeSubnets(groups, (LEVEL_GAP + ROUTER.height) * (beyond ? 2 : 1));
  const width = Math.max(ROUTER.width, ...racks.map(({ box }) => box.x + box.width));
  const scale = Math.min(MAX_SCALE, Math.max(1, width / USUAL_WIDTH));
  const level = LEVEL_GAP + ROUTER.height * scale;
  const edges = edgeSubnets(outside, groups, { width, y: -(level + LEVEL_GAP), gap: EDGE_GAP * scale });
  const buses = new Map([...racks.map(({ box }) => box), ...edges].map((box) => [box.name, busOf(box)]));
  const highest = Math.min(-level, ...edges.map(({ y }) => y));
  const boxes = [
    ...rowBoxes(near, -level, { width, buses, scale }),
    ...rowBoxes(far, (near.length === 0 ? 0 : highest) - level, { width, buses, scale }),
    ...racks.flatMap(({ machines }) => machines),
  ];
  const lines = edges.map((edge) => spanned(edge, boxes));
  const subnets = [...racks.map(({ box }) => box), ...lines];
  const left = Math.min(0, ...lines.map(({ x, name }) => x - name.length * EDGE_LETTER * scale));
  const top = Math.min(0, ...boxes.map(({ y }) => y), ...subnets.map(({ y }) => y - EDGE_GAP));
  const bottom = Math.max(0, ...racks.map(({ box }) => box.y + box.height));
  return {
    x: left,
    y: top,
    width: width - left,
    height: bottom - top,
    scale,
    subnets,
    machines: new Map(boxes.map((box) => [box.place, box])),
    pods: new Map(boxes.flatMap(({ pods: own }) => own.map((pod) => [pod.place, pod] as const))),
  };
}
