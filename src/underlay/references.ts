/**
 * Names in a PhysicalNetwork that name nothing, or two things, and links that close a loop. They are looked for in the
 * document as it was written, so that a field of the wrong type elsewhere in it hides none of them.
 */

import { describe, field, type FieldPath, isList, type Json, nearMatches, type schema } from '../kubernetes/index.js';

type Problem = schema.Problem;

/** A name, and where it is written. */
interface Written {
  readonly path: FieldPath;
  readonly name: string;
}

interface Element {
  readonly path: FieldPath;
  readonly value: Json;
}

function elements(of: Element, list: string): Element[] {
  const value = field(of.value, list);
  return isList(value) ? value.map((element, i) => ({ path: [...of.path, list, i], value: element })) : [];
}

/** The field of an element, where it is text; what is not is the schema's to tell. */
function written({ path, value }: Element, name: string): Written[] {
  const given = field(value, name);
  return typeof given === 'string' && given !== '' ? [{ path: [...path, name], name: given }] : [];
}

const problem = ({ path, name }: Written, expected: string, candidates: readonly string[] = []): Problem => ({
  path,
  expected,
  got: describe(name),
  near: nearMatches(name, candidates),
});

/** Those of the names that came before. */
function repeated(names: readonly Written[], what: string): Problem[] {
  const seen = new Set<string>();
  return names.flatMap((one) => {
    if (seen.has(one.name)) return [problem(one, `a name that no other ${what} has`)];
    seen.add(one.name);
    return [];
  });
}

/** Those of the names that are none of `known`. */
const unknown = (names: readonly Written[], known: readonly string[], expected: string): Problem[] =>
  names.filter(({ name }) => !known.includes(name)).map((one) => problem(one, expected, known));

/** Links that join what is joined already: there is no spanning tree. */
function loops(links: readonly Element[]): Problem[] {
  const above = new Map<string, string>();
  const top = (name: string): string => {
    let at = name;
    for (let next = above.get(at); next !== undefined; next = above.get(at)) at = next;
    return at;
  };
  return links.flatMap((link) => {
    const [from, to] = [written(link, 'from')[0]?.name, written(link, 'to')[0]?.name];
    if (from === undefined || to === undefined) return [];
    if (top(from) === top(to))
      return [{ path: link.path, expected: 'links without a loop', got: `${from} and ${to} are joined already` }];
    above.set(top(from), top(to));
    return [];
  });
}

const namesOf = (names: readonly Written[]): readonly string[] => [...new Set(names.map(({ name }) => name))];

export function referenceProblems(document: Json): readonly Problem[] {
  const spec: Element = { path: ['spec'], value: field(document, 'spec') ?? null };
  const [switches, subnets, links] = [elements(spec, 'switches'), elements(spec, 'subnets'), elements(spec, 'links')];
  const balancer: Element = { path: ['spec', 'loadBalancer'], value: field(spec.value, 'loadBalancer') ?? null };
  const machines = ['routers', 'nodes', 'hosts'].flatMap((list) => elements(spec, list));
  const interfaces = [...machines, balancer].flatMap((machine) => elements(machine, 'interfaces'));

  const declared = switches.flatMap((one) => written(one, 'name'));
  const subnetNames = subnets.flatMap((subnet) => written(subnet, 'name'));
  const plugged = subnets.flatMap((subnet) => written(subnet, 'switch'));
  const known = namesOf(subnetNames);
  // Where none is declared, those that subnets name are all there are.
  const switchNames = declared.length === 0 ? namesOf(plugged) : namesOf(declared);
  const joinable = [
    ...switchNames,
    ...subnets
      .flatMap((subnet) => (written(subnet, 'switch').length > 0 ? [] : written(subnet, 'name')))
      .map(({ name }) => name),
  ];
  return [
    ...repeated(declared, 'switch'),
    ...repeated(subnetNames, 'subnet'),
    ...repeated([...machines.flatMap((machine) => written(machine, 'name')), ...balancerName(balancer)], 'machine'),
    ...unknown(plugged, switchNames, `one of the switches ${switchNames.join(', ')}`),
    ...unknown(
      interfaces.flatMap((nic) => written(nic, 'subnet')),
      known,
      known.length === 0 ? 'the name of a subnet' : `one of ${known.join(', ')}`,
    ),
    ...unknown(
      links.flatMap((link) => [...written(link, 'from'), ...written(link, 'to')]),
      joinable,
      'the name of a switch or subnet',
    ),
    ...loops(links),
  ];
}

const balancerName = (balancer: Element): Written[] =>
  field(balancer.value, 'provider') === 'cloud' ? written(balancer, 'name') : [];
