/** Objects of a cluster: Kubernetes', Calico's, and the physical network's. */

import { randomUUID } from 'node:crypto';
import { type Static, Type } from 'typebox';
import {
  APPLY_PATCH_TYPE,
  JSON_PATCH_TYPE,
  keepTexts,
  mediaTypeOf,
  MERGE_PATCH_TYPE,
  STRATEGIC_PATCH_TYPE,
  YAML_TYPES,
} from '../bodies.js';
import { describedBody } from '../document.js';
import * as EXAMPLES from '../examples.js';
import { Problem } from '../problem.js';
import {
  AppliedFields,
  ChangedObjects,
  DeletedObjects,
  JsonPatch,
  KindCount,
  Manifest,
  Manifests,
  MergePatch,
  ObjectParams,
  ObjectsQuery,
  StrategicPatch,
  YAML_TEXT,
} from '../object-schemas.js';
import { ClusterParams, ERRORS, ListedObjectSchema, ObjectList, oneOf, pageOf, PageQuery } from '../schemas.js';
import { type ObjectKey, type Json, requestedGroup } from '../../kubernetes/index.js';
import type { Patch } from '../session/patches.js';
import { applierOf, FieldManager, managerOf, patcherOf } from './field-manager.js';
import { type App, type RouteContext, threadOf } from './context.js';

const tags = ['objects'];
const LIVE =
  'The control plane follows at once, by difference: connections, counters and what was learned go on. What a running cluster cannot take builds it anew, with nodes and addresses of what has not changed; the answer says why.';

const keyOf = ({ group, kind, namespace, name }: Static<typeof ObjectParams>): ObjectKey => ({
  group: requestedGroup(group, kind),
  kind,
  namespace: namespace === '-' ? '' : namespace,
  name,
});

/** A text of objects, and what messages call it. */
function textOf(body: unknown, contentType: string | undefined): { readonly text: string; readonly file: string } {
  if (typeof body !== 'string' || body.trim() === '')
    throw new Problem('bad-request', 'a body is wanted: an object as JSON or YAML');
  const suffix = mediaTypeOf(contentType) === 'application/json' ? 'json' : 'yaml';
  return { text: body, file: `request-${randomUUID().slice(0, 8)}.${suffix}` };
}

const MANIFEST_TYPES = ['application/json', ...YAML_TYPES];
const manifests = { consumes: MANIFEST_TYPES };

/** Of JSON or YAML: read by the loader, which knows lines. */
const manifestBody = (description: string, schema: object) => ({
  description,
  content: Object.fromEntries(
    MANIFEST_TYPES.map((type) => [
      type,
      type === 'application/json'
        ? { schema: { ...schema, examples: [EXAMPLES.manifest] } }
        : { schema: { ...YAML_TEXT, examples: [EXAMPLES.manifestYaml] } },
    ]),
  ),
});

const PATCH_BODY = {
  description: 'What shall be otherwise',
  content: {
    [MERGE_PATCH_TYPE]: { schema: { ...MergePatch, examples: [EXAMPLES.mergePatch] } },
    [JSON_PATCH_TYPE]: { schema: { ...JsonPatch, examples: [EXAMPLES.jsonPatch] } },
    [STRATEGIC_PATCH_TYPE]: { schema: { ...StrategicPatch, examples: [EXAMPLES.strategicPatch] } },
    [APPLY_PATCH_TYPE]: { schema: { ...AppliedFields, examples: [EXAMPLES.manifestYaml] } },
  },
};
const PATCH_KINDS: Readonly<Record<string, Patch['kind']>> = {
  [MERGE_PATCH_TYPE]: 'merge',
  [JSON_PATCH_TYPE]: 'json',
  [STRATEGIC_PATCH_TYPE]: 'strategic',
};
const PATCH_TYPES = [...Object.keys(PATCH_KINDS), APPLY_PATCH_TYPE];
/** Query parameter of every write. */
const DryRun = {
  dryRun: Type.Optional(
    oneOf(['All'], { description: 'All: the answer is what would become of it, and nothing is changed' }),
  ),
};
const isDry = ({ dryRun }: { readonly dryRun?: 'All' | undefined }): { readonly dryRun: boolean } => ({
  dryRun: dryRun === 'All',
});
const PatchQuery = Type.Object({
  ...FieldManager,
  ...DryRun,
  force: Type.Optional(
    Type.Boolean({ description: 'of an apply: what others have set otherwise becomes the applier’s' }),
  ),
});
const DeleteQuery = Type.Object({
  ...DryRun,
  uid: Type.Optional(Type.String({ maxLength: 253, description: 'the object has to have this one (409)' })),
  resourceVersion: Type.Optional(
    Type.String({ maxLength: 253, description: 'the object has to have this one: nobody has changed it since (409)' }),
  ),
  gracePeriodSeconds: Type.Optional(
    Type.Integer({ minimum: 0, description: 'of a pod: 0 waits for no kubelet to say that it is gone' }),
  ),
});

export function objectRoutes(app: App, context: RouteContext): void {
  const path = '/clusters/:cluster/objects';
  const one = `${path}/:group/:kind/:namespace/:name`;

  app.get(
    '/clusters/:cluster/kinds',
    {
      schema: {
        tags,
        operationId: 'listObjectKinds',
        summary: 'Kinds that are there',
        params: ClusterParams,
        querystring: Type.Object(PageQuery),
        response: { 200: pageOf(KindCount), ...ERRORS },
      },
    },
    async ({ params, query }) => threadOf(context, params.cluster).call('kinds', query),
  );

  app.get(
    path,
    {
      schema: {
        tags,
        operationId: 'listObjects',
        summary: 'List objects',
        params: ClusterParams,
        querystring: ObjectsQuery,
        response: { 200: ObjectList, ...ERRORS },
      },
    },
    async ({ params, query }) => threadOf(context, params.cluster).call('objects', query),
  );

  app.get(
    one,
    {
      schema: {
        tags,
        operationId: 'readObject',
        summary: 'Read an object',
        params: ObjectParams,
        response: { 200: ListedObjectSchema, ...ERRORS },
      },
    },
    async ({ params }) => threadOf(context, params.cluster).call('object', keyOf(params)),
  );

  app.delete(
    one,
    {
      schema: {
        tags,
        operationId: 'deleteObject',
        summary: 'Delete an object',
        description: `With a Node go its pods, with a Namespace all that is in it, with an owner what nobody else owns. A pod of a controller is made anew with another name. A pod of a node that nobody hears stays, on its way out, until somebody does. ${LIVE}`,
        params: ObjectParams,
        querystring: DeleteQuery,
        response: { 200: DeletedObjects, ...ERRORS },
      },
    },
    async ({ params, query }) =>
      threadOf(context, params.cluster).call('deleteObject', { ...keyOf(params), ...query, ...isDry(query) }),
  );

  app.patch(
    one,
    {
      config: describedBody(PATCH_BODY),
      schema: {
        tags,
        operationId: 'patchObject',
        summary: 'Patch an object',
        description: `A merge patch (RFC 7396), a JSON Patch (RFC 6902) or, of Kubernetes' own kinds, a strategic merge patch, by the content type. Custom resources, Calico's among them, take no strategic merge patch (415). With ${APPLY_PATCH_TYPE} it is server-side apply: fields become those of \`fieldManager\`, which has to be given; those that it does not name any more go, unless others have them; what others have set otherwise is a conflict (409), unless \`force=true\`; an object that is not there is created. ${LIVE}`,
        consumes: PATCH_TYPES,
        params: ObjectParams,
        querystring: PatchQuery,
        response: {
          200: ChangedObjects,
          201: { ...ChangedObjects, description: 'Applied: it was not there' },
          ...ERRORS,
        },
      },
    },
    async (request, reply) => {
      const { params, body, headers, query } = request;
      const type = mediaTypeOf(headers['content-type']);
      const thread = threadOf(context, params.cluster);
      if (type === APPLY_PATCH_TYPE) {
        const { force = false } = query;
        const applied = {
          key: keyOf(params),
          ...textOf(body, type),
          manager: applierOf(request),
          force,
          ...isDry(query),
        };
        const { created, ...changed } = await thread.call('serverSideApply', applied);
        reply.code(created ? 201 : 200);
        return changed;
      }
      const kind = PATCH_KINDS[type];
      if (body === undefined || kind === undefined)
        throw new Problem('bad-request', `a body is wanted: a patch as ${PATCH_TYPES.join(' or ')}`);
      const patch: Patch = { kind, patch: body as Json };
      const file = `patch-${randomUUID().slice(0, 8)}.json`;
      const written = { key: keyOf(params), patch, file, manager: patcherOf(request), ...isDry(query) };
      return thread.call('patchObject', written);
    },
  );

  void app.register(async (scope: App) => {
    keepTexts(scope);
    scope.post(
      path,
      {
        config: describedBody(manifestBody('One object or many', Manifests)),
        schema: {
          tags,
          ...manifests,
          operationId: 'createObjects',
          summary: 'Create objects, or apply them',
          description: `One object or many, as JSON or YAML: all of them or none. One that is there already, or stands in the request twice, is a conflict (409). With \`apply=true\` those that are there are replaced, and of several of one name the last holds, which a finding tells; the answer is 201 where one of them is new, 200 where none is. ${LIVE}`,
          params: ClusterParams,
          querystring: Type.Object({
            ...FieldManager,
            ...DryRun,
            apply: Type.Boolean({ default: false, description: 'those that are there already are replaced' }),
          }),
          response: {
            200: { ...ChangedObjects, description: 'Applied: all of them were there already' },
            201: { ...ChangedObjects, description: 'Created, or of those that were applied at least one' },
            ...ERRORS,
          },
        },
      },
      async (request, reply) => {
        const { params, body, headers, query } = request;
        const manager = managerOf(request, 'CreateOptions');
        const text = { ...textOf(body, headers['content-type']), manager, ...isDry(query) };
        const thread = threadOf(context, params.cluster);
        if (!query.apply) {
          reply.code(201);
          return thread.call('createObjects', text);
        }
        const { created, ...changed } = await thread.call('applyObjects', text);
        reply.code(created ? 201 : 200);
        return changed;
      },
    );
    scope.put(
      one,
      {
        config: describedBody(manifestBody('The object', Manifest)),
        schema: {
          tags,
          ...manifests,
          operationId: 'replaceObject',
          summary: 'Replace an object, or create it',
          description: LIVE,
          params: ObjectParams,
          querystring: Type.Object({ ...FieldManager, ...DryRun }),
          response: { 200: ChangedObjects, 201: ChangedObjects, ...ERRORS },
        },
      },
      async (request, reply) => {
        const { params, body, headers, query } = request;
        const manager = managerOf(request, 'UpdateOptions');
        const replaced = { key: keyOf(params), ...textOf(body, headers['content-type']), manager, ...isDry(query) };
        const { created, ...changed } = await threadOf(context, params.cluster).call('replaceObject', replaced);
        reply.code(created ? 201 : 200);
        return changed;
      },
    );
  });
}
