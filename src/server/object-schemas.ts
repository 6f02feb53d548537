/** Shapes of objects in requests and answers. */

import { Type } from 'typebox';
import { AnyObject, ClusterParams, Count, described, FindingSchema, PageQuery, Text } from './schemas.js';

const changeAnswer = {
  change: Type.Object({
    rebuilt: Type.Boolean({ description: 'The cluster could not take it while running, and was built anew' }),
    why: Type.Optional(Type.String({ description: 'What could not be changed in place' })),
  }),
  findings: Type.Array(FindingSchema, described('what there is to say about the objects, as kubectl prints warnings')),
};
export const ChangedObjects = Type.Object({ objects: Type.Array(AnyObject), ...changeAnswer });
const ObjectName = Type.Object({ group: Text, kind: Text, namespace: Text, name: Text });
export const DeletedObjects = Type.Object({
  deleted: Type.Array(ObjectName, described('the object, and what went with it')),
  terminating: Type.Array(
    ObjectName,
    described('pods that are on their way out, and there until somebody hears of their nodes'),
  ),
  ...changeAnswer,
});
export const KindCount = Type.Object({ group: Text, kind: Text, count: Count });
export const ObjectParams = Type.Object({
  ...ClusterParams.properties,
  group: Type.String({ maxLength: 253, description: '"core" or "v1" for the core group' }),
  kind: Type.String({ maxLength: 63 }),
  namespace: Type.String({ maxLength: 253, description: '"-" for what belongs to the cluster as a whole' }),
  name: Type.String({ maxLength: 253 }),
});
const Selector = (description: string) => Type.Optional(Type.String({ maxLength: 4096, description }));

/** As of the API server. */
export const SelectorQuery = {
  labelSelector: Selector('a label selector as in Kubernetes: app in (web,db),tier!=front,!legacy'),
  labels: Selector('the same by its older name'),
  fieldSelector: Selector(
    'a field selector as in Kubernetes: metadata.name and metadata.namespace of everything; with kind also what that kind has, of Pods spec.nodeName=node1,status.phase!=Running',
  ),
};

export const ObjectsQuery = Type.Object({
  ...PageQuery,
  group: Type.Optional(Type.String({ description: '"core" or "v1" for the core group' })),
  kind: Type.Optional(Text),
  namespace: Type.Optional(Type.String({ description: '"-" for what belongs to the cluster as a whole' })),
  name: Type.Optional(Text),
  ...SelectorQuery,
  full: Type.Boolean({ default: false, description: 'with the objects themselves' }),
});

/** An object as a request brings it. */
export const Manifest = Type.Unsafe<object>({
  type: 'object',
  required: ['apiVersion', 'kind', 'metadata'],
  properties: {
    apiVersion: { type: 'string', description: 'apps/v1' },
    kind: { type: 'string' },
    metadata: {
      type: 'object',
      properties: { name: { type: 'string' }, namespace: { type: 'string' } },
      additionalProperties: true,
    },
  },
  additionalProperties: true,
  title: 'Manifest',
});
export const Manifests = Type.Unsafe<object>({
  title: 'Manifests',
  anyOf: [
    Manifest,
    {
      type: 'object',
      required: ['apiVersion', 'kind', 'items'],
      properties: {
        apiVersion: { type: 'string', description: 'v1' },
        kind: { type: 'string', description: 'List, PodList …' },
        items: { type: 'array', items: { type: 'object', additionalProperties: true } },
      },
      additionalProperties: true,
    },
  ],
});
export const YAML_TEXT = { type: 'string', description: 'YAML; of several documents each after a line "---"' };

/** RFC 7396. */
export const MergePatch = Type.Unsafe<object>({
  type: 'object',
  additionalProperties: true,
  title: 'MergePatch',
  description: 'RFC 7396: fields that shall be otherwise; null takes one away',
});
export const StrategicPatch = Type.Unsafe<object>({
  type: 'object',
  additionalProperties: true,
  title: 'StrategicMergePatch',
  description:
    "Of Kubernetes' own kinds: a merge patch that merges containers, ports, conditions … by their names; $patch, $retainKeys, $setElementOrder and $deleteFromPrimitiveList as there",
});
export const AppliedFields = {
  type: 'string',
  title: 'AppliedFields',
  description: 'Server-side apply: the fields that the applier has to say something about, as YAML or JSON',
};
/** RFC 6902. */
export const JsonPatch = Type.Unsafe<object>({
  type: 'array',
  title: 'JsonPatch',
  description: 'RFC 6902: operations, one after the other; all of them or none',
  items: {
    type: 'object',
    required: ['op', 'path'],
    properties: {
      op: { type: 'string', enum: ['add', 'remove', 'replace', 'move', 'copy', 'test'] },
      path: { type: 'string', description: 'a JSON pointer (RFC 6901)' },
      from: { type: 'string', description: 'of move and copy' },
      value: { description: 'of add, replace and test' },
    },
    additionalProperties: true,
  },
});
