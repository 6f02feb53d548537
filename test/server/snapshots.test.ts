/** Snapshots that somebody has changed by hand: refused with the part that is wrong, or restored as they are. */

import fc from 'fast-check';
import t from 'tap';
import { limitsOf } from '../../src/server/options.js';
import { Problem } from '../../src/server/problem.js';
import { decodeCbor, encodeCbor } from '../../src/server/session/cbor.js';
import { METHODS } from '../../src/server/session/methods.js';
import { Session } from '../../src/server/session/session.js';
import { type Parsed, running, sourcesOf } from './running.js';

const CBOR = { 'content-type': 'application/cbor' };
const limits = limitsOf();

/** A cluster in which much has happened: a pod and a node are down, the node has been given up, pods are on their way out. */
async function eventful(topology: string): Promise<Session> {
  const session = new Session({
    origin: { kind: 'sources', sources: sourcesOf(topology), seed: 1 },
    name: topology,
    limits,
  });
  const { items } = METHODS.pods(session, { limit: 500 });
  const placed = items.filter(({ node }) => node !== undefined);
  const [first, second] = placed;
  if (first === undefined || second?.node === undefined) throw new Error(`${topology} has too few pods`);
  session.break('pod', { kind: 'pod', namespace: first.namespace, name: first.name });
  session.break('node', { kind: 'node', name: second.node });
  await METHODS.jumpClock(session, { toNs: 120e9 });
  session.settleOverdue();
  const { namespace, name } = second;
  METHODS.deleteObject(session, { group: '', kind: 'Pod', namespace, name });
  return session;
}

const restored = (bytes: Uint8Array): Uint8Array =>
  new Session({ origin: { kind: 'snapshot', bytes }, limits }).snapshot();

const TOPOLOGIES = ['load-balancer-metallb-l2', 'bgp-top-of-rack', 'bridge-plugin', 'probes'];

/** Fields in one order; one that is undefined is none. */
const sorted = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) => {
    if (typeof one === 'bigint' || typeof one === 'number') return `${one}`;
    if (typeof one !== 'object' || one === null || Array.isArray(one)) return one;
    return Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
const plain = (bytes: Uint8Array): string => sorted(decodeCbor(bytes));

t.test('what a cluster has become comes back, and no later', async (t) => {
  for (const topology of TOPOLOGIES) {
    const session = await eventful(topology);
    const bytes = session.snapshot();
    t.equal(plain(restored(bytes)), plain(bytes), topology);
  }
});

type Path = readonly (string | number)[];

function pathsOf(value: unknown, path: Path = []): Path[] {
  const here = path.length === 0 ? [] : [path];
  if (typeof value !== 'object' || value === null) return here;
  const steps = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return [...here, ...steps.flatMap((step) => pathsOf((value as Parsed)[step], [...path, step]))];
}

const ODD = [null, '', 'x', 0, -1, 1.5, 1e300, true, [], {}, '10.0.0.1', '10.0.0.300', 'node1', 2n ** 60n, '🙂'];

interface Mutation {
  readonly how: 'delete' | 'double' | 'turn' | 'put' | 'text';
  readonly place: number;
  readonly odd: number;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  how: fc.constantFrom('delete', 'double', 'turn', 'put', 'text'),
  place: fc.nat(),
  odd: fc.nat(),
});

/** Changes one part, and says which. Texts of objects are others' to test. */
function mutate(whole: Parsed, { how, place, odd }: Mutation): string {
  const paths = pathsOf(whole).filter((path) => path.at(-1) !== 'text');
  const path = paths[place % paths.length] ?? [];
  const parent = path.slice(0, -1).reduce((value: Parsed, step) => value[step], whole);
  const last = path.at(-1) ?? '';
  const held = parent[last];
  if (how === 'delete' && Array.isArray(parent)) parent.splice(Number(last), 1);
  else if (how === 'delete') delete parent[last];
  else if (how === 'double' && Array.isArray(parent)) parent.push(held);
  else if (how === 'double') parent[`${last}2`] = held;
  else if (how === 'turn' && Array.isArray(held)) held.reverse();
  else if (how === 'text' && typeof held === 'string') parent[last] = `${held.slice(0, -1)}${odd % 10}`;
  else parent[last] = ODD[odd % ODD.length];
  return path.join('/');
}

t.test('a changed snapshot is refused, or comes back as it is', async (t) => {
  for (const topology of TOPOLOGIES) {
    const bytes = (await eventful(topology)).snapshot();
    let kept = 0;
    fc.assert(
      fc.property(mutation, (change) => {
        const whole = decodeCbor(bytes) as Parsed;
        const path = mutate(whole, change);
        const changed = encodeCbor(whole);
        try {
          const same = plain(restored(changed)) === plain(changed);
          kept += 1;
          if (!same) throw new Error(`${path} has come back as something else`);
        } catch (error) {
          if (!(error instanceof Problem) || error.kind === 'internal') throw error;
        }
      }),
      { numRuns: 300 },
    );
    t.ok(kept > 0 && kept < 300, `${topology}: ${kept} of 300`);
  }
});

/** A part that is wrong, and what is said of it. */
const WRONG: readonly (readonly [field: string, words: RegExp, change: (whole: Parsed) => void])[] = [
  ['/faults/0/fault', /faults\[0\]\.fault is no fault$/, ({ faults }) => (faults[0].fault.kind = 'cable')],
  ['/faults/1', /faults\[1\] is \{.*"node9".*, and the cluster/, ({ faults }) => (faults[1].fault.name = 'node9')],
  ['/faults/0/sinceNs', /is 99999999999999, .* no such time$/, ({ faults }) => (faults[0].sinceNs = 99999999999999)],
  ['/faults/2/id', /is there twice: pod$/, ({ faults }) => faults.push({ ...faults[1], id: 'pod', fault: SWITCH })],
  [
    '/recorded/pods/0/annotations/cni.projectcalico.org~1podIPs',
    /is "10\.0\.0\.300\/32", and no addresses$/,
    ({ recorded }) => (recorded.pods[0].annotations['cni.projectcalico.org/podIPs'] = '10.0.0.300/32'),
  ],
  ['/recorded/pods/0/name', /"nobody", and the cluster/, ({ recorded }) => (recorded.pods[0].name = 'nobody')],
  [
    '/recorded/services/0/clusterIPs/0',
    /"10\.96\.0\.300", and the cluster/,
    ({ recorded }) => (recorded.services[0].clusterIPs[0] = '10.96.0.300'),
  ],
  [
    '/recorded/ipam/blocks/0/allocations',
    /has 64 addresses, and 0\.0\.0\.0\/0 has 4294967296$/,
    ({ recorded }) => (recorded.ipam.blocks[0].cidr = '0.0.0.0/0'),
  ],
  ['/recorded/silence/nodes/0', /and the cluster/, ({ recorded }) => (recorded.silence.nodes[0] = 'node9')],
  ['/taints/0', /"node9".*, and the cluster/, ({ taints }) => (taints[0].node = 'node9')],
  ['/sources/0/dropped', /is missing$/, ({ sources }) => delete sources[0].dropped],
  ['/recorded/nobody', /is no part of one$/, ({ recorded }) => (recorded.nobody = 1)],
];
const SWITCH = { kind: 'switch', name: 'rack' };

t.test('what is wrong in a snapshot is told with its place, and no cluster is left of it', async (t) => {
  const bytes = (await eventful('load-balancer-metallb-l2')).snapshot();
  const { ask } = await running(t);
  for (const [field, words, change] of WRONG) {
    const whole = decodeCbor(bytes) as Parsed;
    change(whole);
    const { status, json } = await ask('POST', '/clusters', encodeCbor(whole), CBOR);
    t.match({ status, json }, { status: 400, json: { detail: words, errors: [{ field }] } }, field);
  }
  t.equal((await ask('GET', '/clusters')).json.total, 0);
});
