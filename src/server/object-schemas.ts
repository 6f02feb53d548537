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
  ...changeAnswer,
});
export const KindCount = Type.Object({ group: Text, kind: Text, count: Count });
export const ObjectParams = Type.Object({
  ...ClusterParams.properties,
  group: Type.String({ maxLength: 253, description: '"core" for the core group' }),
  kind: Type.String({ maxLength: 63 }),
  namespace: Type.String({ maxLength: 253, description: '"-" for what belongs to the cluster as a whole' }),
  name: Type.String({ maxLength: 253 }),
});
export const ObjectsQuery = Type.Object({
  ...PageQuery,
  group: Type.Optional(Type.String({ description: '"core" for the core group' })),
  kind: Type.Optional(Text),
  namespace: Type.Optional(Text),
  name: Type.Optional(Text),
  labels: Type.Optional(Type.String({ description: 'name=value, several with commas' })),
  full: Type.Boolean({ default: false, description: 'with the objects themselves' }),
});
