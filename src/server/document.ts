/** The API's own document (OpenAPI 3.1), made of the routes' schemas, and a page to read it. */

import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import packageJson from '../../package.json' with { type: 'json' };
import traceBranchesSchema from '../../schemas/trace-branches.schema.json' with { type: 'json' };
import traceSchema from '../../schemas/trace.schema.json' with { type: 'json' };

interface DescribedBody {
  readonly description: string;
  readonly content: object;
}

/** Configuration of a route whose body its own loader reads and checks: described by its media types, and not validated. */
export const describedBody = (body: DescribedBody): { readonly body: DescribedBody } => ({ body });

const TAGS = [
  ['clusters', 'Whole clusters'],
  ['objects', 'Kubernetes, Calico and physical-network objects'],
  ['hosts', 'Machines, pods, programmed state, commands'],
  ['traces', 'What happens to a packet'],
  ['what-if', 'Which flows would change'],
  ['scenarios', 'Topologies that come with podwire'],
  ['captures', 'Frames as pcapng'],
  ['stream', 'What happens, as it happens'],
  ['clock', 'Virtual time'],
  ['faults', 'What is broken on purpose'],
].map(([name = '', description = '']) => ({ name, description }));

type Node = Record<string, unknown>;

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What has a default need not be there; the validator fills it in before it asks. */
function withoutDefaults(schema: Node): void {
  const { properties, required } = schema;
  if (!isNode(properties) || !Array.isArray(required)) return;
  const left = required.filter((name: string) => {
    const property = properties[name];
    return !(isNode(property) && 'default' in property);
  });
  if (left.length === 0) delete schema['required'];
  else schema['required'] = left;
}

/** A body whose fields all have defaults may be left out. */
function bodyRequired(body: Node): void {
  const schemas = isNode(body['content'])
    ? Object.values(body['content']).map((one) => isNode(one) && one['schema'])
    : [];
  body['required'] = !schemas.every(
    (schema) =>
      isNode(schema) && schema['type'] === 'object' && !('required' in schema) && !('minProperties' in schema),
  );
}

/** Everything inside comes before what it is in. */
function completed(value: unknown): void {
  if (Array.isArray(value)) for (const one of value) completed(one);
  if (!isNode(value)) return;
  for (const inner of Object.values(value)) completed(inner);
  withoutDefaults(value);
  if (value['in'] === 'query')
    value['required'] = value['required'] === true && !('default' in ((value['schema'] ?? {}) as Node));
  if (isNode(value['requestBody'])) bodyRequired(value['requestBody']);
}

const COMPONENTS = '#/components/schemas/';
/** Published schemas, as components by these names. */
const PUBLISHED = { Trace: traceSchema, TraceBranches: traceBranchesSchema } as const;
const LOCAL = '#/$defs/';

/** Where a reference of a published schema leads among the components: to a part of its own, or to another schema. */
function componentOf(reference: string, own: string): string {
  if (reference.startsWith(LOCAL)) return `${COMPONENTS}${own}.${reference.slice(LOCAL.length)}`;
  const other = Object.entries(PUBLISHED).find(([, { $id: address }]) => address.endsWith(`/${reference}`));
  return other === undefined ? reference : `${COMPONENTS}${other[0]}`;
}

function referringToComponents(schema: unknown, own: string): unknown {
  if (Array.isArray(schema)) return schema.map((one) => referringToComponents(one, own));
  if (!isNode(schema)) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([key, value]) =>
      key === '$ref' && typeof value === 'string'
        ? [key, componentOf(value, own)]
        : [key, referringToComponents(value, own)],
    ),
  );
}

/** schemas/trace.schema.json: the whole as `Trace`, its parts as `Trace.step` and so on; the others alike. */
function publishedComponents(): Node {
  const components: Node = {};
  for (const [name, { $schema: _dialect, $id: _address, $defs: parts, ...whole }] of Object.entries(PUBLISHED)) {
    components[name] = referringToComponents(whole, name);
    for (const [part, schema] of Object.entries(parts))
      components[`${name}.${part}`] = referringToComponents(schema, name);
  }
  return components;
}

/** Routes stand a placeholder of these titles where a whole trace is: the validator need not read what podwire has written. */
export const WHOLE_TRACE = 'WholeTrace';
export const WHOLE_BRANCHES = 'WholeBranches';
const STANDS_FOR = new Map<unknown, keyof typeof PUBLISHED>([
  [WHOLE_TRACE, 'Trace'],
  [WHOLE_BRANCHES, 'TraceBranches'],
]);

function withPublishedSchemas(document: Node): Node {
  const components = isNode(document['components']) ? document['components'] : {};
  const schemas = isNode(components['schemas']) ? components['schemas'] : {};
  return { ...document, components: { ...components, schemas: { ...schemas, ...publishedComponents() } } };
}

function withWholeTraces(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withWholeTraces);
  if (!isNode(value)) return value;
  const whole = STANDS_FOR.get(value['title']);
  if (whole !== undefined) return { $ref: `${COMPONENTS}${whole}` };
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withWholeTraces(inner)]));
}

/** What the reference page may load: everything from here. Styles may stand in elements, as in the page (page.ts). */
const REFERENCE_POLICY = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** As in web/public/favicon.svg. */
const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#2456d6"/><path d="M7 22h5l3-12 4 14 3-8h3" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/></svg>';

export async function useDocument(app: FastifyInstance, prefix: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'podwire',
        description: 'What happens to this packet? A Kubernetes network dataplane emulator.',
        version: packageJson.version,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: TAGS,
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'Where the server was started with a token' },
        },
      },
      security: [{}, { bearer: [] }],
    },
    refResolver: {
      buildLocalReference: (json, _baseUri, _fragment, i) =>
        typeof json['$id'] === 'string' ? json['$id'] : `def-${i}`,
    },
    transform: ({ schema, url, route }) => {
      const { config } = route;
      return { schema: config !== undefined && 'body' in config ? { ...schema, body: config.body } : schema, url };
    },
    transformObject: (document) => {
      const whole = 'openapiObject' in document ? withWholeTraces(structuredClone(document.openapiObject)) : {};
      completed(whole);
      return isNode(whole) ? withPublishedSchemas(whole) : {};
    },
  });
  await app.register(swaggerUi, {
    routePrefix: `${prefix}/reference`,
    staticCSP: REFERENCE_POLICY,
    // Without the bar of Swagger's name: this server has one document only.
    uiConfig: { deepLinking: true, validatorUrl: null, layout: 'BaseLayout' },
    theme: {
      title: 'podwire API',
      favicon: [{ filename: 'favicon.svg', rel: 'icon', type: 'image/svg+xml', sizes: 'any', content: ICON }],
    },
  });
}
