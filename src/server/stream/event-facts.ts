/** What a filter may ask of an event: the objects, machines and addresses that it is about. */

import { type Cause, formatCause } from '../../trace/index.js';
import { FrameFacts, type FrameNames, type NameLookup, namesOf } from '../filter/facts.js';
import type { EventName } from './messages.js';
import { joined, namesIn } from './trace-facts.js';

export interface StreamEvent {
  readonly event: EventName;
  readonly subject: string;
  readonly detail?: string;
  /** Objects that it happened for. */
  readonly because?: readonly Cause[];
  /** Objects that it is about. */
  readonly objects?: readonly Cause[];
  /** Machines, and places on them. */
  readonly hosts?: readonly string[];
  readonly places?: readonly string[];
  /** Of pods. */
  readonly nodes?: readonly string[];
  readonly addresses?: readonly number[];
}

const NO_BYTES = new Uint8Array(0);

function namesOfObjects(objects: readonly Cause[]): FrameNames {
  const of = (kind: string): string[] =>
    objects
      .filter((one) => one.kind === kind)
      .map(({ namespace, name }) => (namespace === undefined || namespace === '' ? name : `${namespace}/${name}`));
  const namespaces = objects.flatMap(({ namespace }) =>
    namespace === undefined || namespace === '' ? [] : [namespace],
  );
  return {
    pods: of('Pod'),
    services: of('Service'),
    nodes: of('Node'),
    namespaces: [...namespaces, ...of('Namespace')],
  };
}

/** `Pod shop/web-1`, without what of the object mattered. */
const nameOf = ({ kind, namespace, name }: Cause): string =>
  formatCause(namespace === undefined || namespace === '' ? { kind, name } : { kind, namespace, name });

const NOBODY: FrameNames = { pods: [], namespaces: [], services: [], nodes: [] };

const placesOf = ({ pods, nodes }: FrameNames): string[] => [
  ...pods.map((name) => `pod/${name}`),
  ...nodes.map((name) => `node/${name}`),
];

export function eventFacts(timeNs: number, happened: StreamEvent, lookup: NameLookup): FrameFacts {
  const { event, because = [], objects = [], hosts = [], nodes = [], addresses = [] } = happened;
  const subjects = namesOfObjects(objects);
  const places = [...(happened.places ?? []), ...placesOf(subjects)];
  const told = [namesIn(places), { ...NOBODY, nodes }, namesOfObjects(because), namesOf(addresses, lookup)];
  const names = told.reduce(joined, subjects);
  const about = {
    event,
    objects: [...objects, ...because].map(nameOf),
    hosts: [...hosts, ...subjects.nodes],
    places,
  };
  const seen = { timeNs, place: '', host: '', netns: '' };
  return new FrameFacts(NO_BYTES, false, {
    seen,
    lookup,
    told: about,
    names,
    headers: new Map([['ip.src', addresses]]),
  });
}
