/** The API's document: valid, and true of what every route sends. */

import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import t from 'tap';
import { parse } from 'yaml';
import { FIELDS, PROTOCOLS } from '../../src/server/filter/fields.js';
import { encodeCbor } from '../../src/server/session/cbor.js';
import { type Answer, type Asked, cluster, DENY_WEB, type Parsed, running, sourcesOf, YAML } from './running.js';

const VXLAN = 'two-nodes-vxlan';
const AT = `/clusters/${VXLAN}`;
const API = '/api/v1';
const JSON_TYPE = { 'content-type': 'application/json' };
const MERGE = { 'content-type': 'application/merge-patch+json' };
const JSON_PATCH = { 'content-type': 'application/json-patch+json' };

const documentOf = async ({ ask }: Asked): Promise<Parsed> => (await ask('GET', '/openapi.json')).json;

/** `GET /clusters/{cluster}` and what the document says about it. */
const operationsOf = (document: Parsed): ReadonlyMap<string, Parsed> =>
  new Map(
    Object.entries<Parsed>(document.paths).flatMap(([path, methods]) =>
      Object.entries<Parsed>(methods).map(([method, operation]): [string, Parsed] => [
        `${method.toUpperCase()} ${path.replace(API, '')}`,
        operation,
      ]),
    ),
  );

t.test('the document is valid OpenAPI 3.1, by a validator of its own', async (t) => {
  const document = await documentOf(await running(t));
  t.equal(document.openapi, '3.1.0');
  const validate = (value: object) => new Validator().validate(structuredClone(value) as Record<string, unknown>);
  t.strictSame(await validate(document), { valid: true });
  const broken = structuredClone(document);
  broken.paths[`${API}/clusters`].get.responses['200'].content = 'application/json';
  t.match(await validate(broken), { valid: false }, 'which does find mistakes');
});

t.test('its references lead somewhere, its schemas are schemas, and every operation says what it is', async (t) => {
  const document = await documentOf(await running(t));
  const operations = operationsOf(document);
  for (const word of [
    'clusters',
    'objects',
    'hosts',
    'exec',
    'traces',
    'captures',
    'clock',
    'faults',
    'what-if',
    'stream',
  ])
    t.ok(
      [...operations.keys()].some((name) => name.includes(word)),
      word,
    );
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref ?? '');
  t.ok(references.length > 0);
  for (const reference of new Set(references)) {
    const found = reference
      .replace(/^#\//, '')
      .split('/')
      .reduce((at: Parsed, key) => at?.[key], document);
    t.type(found, 'object', reference);
  }
  const tags = new Set(document.tags.map(({ name }: Parsed) => name));
  const ids = [...operations.values()].map(({ operationId }) => operationId);
  t.equal(new Set(ids).size, operations.size, 'operations have names of their own');
  for (const [name, { summary, operationId, tags: own }] of operations) {
    t.type(summary, 'string', name);
    t.match(operationId, /^[a-z][A-Za-z]+$/, name);
    t.ok(own.length > 0 && own.every((tag: string) => tags.has(tag)), `${name} has tags that are there`);
  }
  const ajv = compilerOf(document);
  for (const [name, operation] of operations)
    for (const [media, pointer] of schemasIn(name, operation))
      t.doesNotThrow(() => ajv.compile({ $ref: `https://podwire.test/document#${pointer}` }), `${name} ${media}`);
});

const escaped = (key: string): string => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'));

/** JSON pointers of all that an operation takes and sends. */
function schemasIn(name: string, operation: Parsed): [string, string][] {
  const [method = '', path = ''] = name.split(' ');
  const at = `/paths/${escaped(`${API}${path}`)}/${method.toLowerCase()}`;
  const bodies = Object.keys(operation.requestBody?.content ?? {}).map((media): [string, string] => [
    media,
    `${at}/requestBody/content/${escaped(media)}/schema`,
  ]);
  const answers = Object.entries<Parsed>(operation.responses).flatMap(([status, { content = {} }]) =>
    Object.keys(content).map((media): [string, string] => [
      `${status} ${media}`,
      `${at}/responses/${status}/content/${escaped(media)}/schema`,
    ]),
  );
  return [...bodies, ...answers];
}

function compilerOf(document: object): Ajv2020 {
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false, discriminator: true });
  ajv.addSchema({ ...document, $id: 'https://podwire.test/document' });
  return ajv;
}

t.test('parameters with a default need not be there, and bodies whose fields all have one', async (t) => {
  const operations = operationsOf(await documentOf(await running(t)));
  let defaults = 0;
  for (const [name, { parameters = [] }] of operations)
    for (const parameter of parameters) {
      if (parameter.in !== 'query') continue;
      t.equal(parameter.required, false, `${name} ?${parameter.name}`);
      if ('default' in parameter.schema) defaults += 1;
    }
  t.ok(defaults > 8);
  const bodies = (name: string) => operations.get(name)?.requestBody;
  t.equal(bodies('POST /clusters/{cluster}/clock/step').required, false);
  t.equal(bodies('POST /clusters/{cluster}/clock/jump').required, true);
  t.strictSame(bodies('POST /clusters/{cluster}/traces').content['application/json'].schema.required, ['from', 'to']);
});

t.test('bodies of objects are described, by their media types', async (t) => {
  const operations = operationsOf(await documentOf(await running(t)));
  const one = '/clusters/{cluster}/objects/{group}/{kind}/{namespace}/{name}';
  const manifests = [
    'application/json',
    'application/yaml',
    'application/x-yaml',
    'text/yaml',
    'text/x-yaml',
    'text/plain',
  ];
  for (const name of ['POST /clusters/{cluster}/objects', `PUT ${one}`]) {
    const { required, content } = operations.get(name)?.requestBody ?? {};
    t.equal(required, true, name);
    t.strictSame(Object.keys(content), manifests, name);
  }
  const { content } = operations.get(`PATCH ${one}`)?.requestBody ?? {};
  t.strictSame(Object.keys(content), [
    'application/merge-patch+json',
    'application/json-patch+json',
    'application/strategic-merge-patch+json',
    'application/apply-patch+yaml',
  ]);
  t.match(content['application/json-patch+json'].schema, { type: 'array', items: { required: ['op', 'path'] } });
});

/** Maps below a schema that say neither that they have more fields than these nor that they have no more. */
function undecided(schema: Parsed, at: string): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const inner = Object.entries(schema).flatMap(([key, value]) => undecided(value, `${at}/${key}`));
  return 'properties' in schema && schema.type === 'object' && !('additionalProperties' in schema)
    ? [at, ...inner]
    : inner;
}

t.test('every map in a request says whether it may have other fields; what it may not is refused', async (t) => {
  const asked = await running(t, { clusters: [cluster(VXLAN)] });
  for (const [name, { requestBody }] of operationsOf(await documentOf(asked)))
    t.strictSame(undecided(requestBody?.content ?? {}, ''), [], name);
  const patch = { kind: 'Pod', name: 'web', patch: {}, patsh: {} };
  const cases: readonly (readonly [string, object, string])[] = [
    ['/clusters', { ...SECOND, seeds: 1 }, '/seeds'],
    ['/clusters', { sources: [{ file: 'a', text: '', encoding: 'x' }] }, '/sources/0/encoding'],
    [`${AT}/traces`, { ...TO_WEB, prtocol: 'udp' }, '/prtocol'],
    [`${AT}/captures`, { interfaces: [{ target: 'node/node1', dev: 'eth0' }] }, '/interfaces/0/dev'],
    [`${AT}/what-if`, { changes: [{ patch }], flows: FLOWS }, '/changes/0/patch/patsh'],
    [`${AT}/what-if`, { changes: [], flows: [{ ...TO_WEB, ports: 1 }] }, '/flows/0/ports'],
    [`${AT}/faults`, { kind: 'node', name: 'node1', host: 'node1' }, '/host'],
    [`${AT}/clock/step`, { event: 2 }, '/event'],
    ['/scenarios/same-node/run', { cluter: 'x' }, '/cluter'],
  ];
  for (const [path, body, field] of cases) {
    const answer = await asked.ask('POST', path, body);
    t.match(answer.json, { status: 400, errors: [{ field }] }, `${path} ${field}`);
  }
});

t.test('the filter is described with every field that there is', async (t) => {
  const operations = operationsOf(await documentOf(await running(t)));
  const { description } = operations.get('GET /clusters/{cluster}/stream') ?? {};
  for (const [name, { kinds }] of FIELDS)
    t.match(
      description,
      new RegExp(`^\\| \`${name.replaceAll('.', '\\.')}\` \\|.*\\| ${kinds.join(', ')} \\|$`, 'm'),
      name,
    );
  for (const name of Object.keys(PROTOCOLS)) t.match(description, `| \`${name}\` |`, name);
});

/** An object has what is described and nothing else. */
function closed(schema: Parsed): Parsed {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  const open = inner['type'] === 'object' && 'properties' in inner && !('additionalProperties' in inner);
  return open ? { ...inner, additionalProperties: false } : inner;
}

interface Walk {
  /** As the document names it. */
  readonly operation: string;
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly status: number;
}

const APPLY = { 'content-type': 'application/apply-patch+yaml' };
const DENY_API = DENY_WEB.replace('app: web', 'app: api');
const TO_WEB = { from: 'pod/default/client', to: 'pod/default/web:80' };
const FLOWS = [TO_WEB];
const POLICY = `${AT}/objects/networking.k8s.io/NetworkPolicy/default/deny-web`;
const ONE = '/clusters/{cluster}/objects/{group}/{kind}/{namespace}/{name}';
const OF = '/clusters/{cluster}';
const SECOND = { name: 'second', sources: sourcesOf('same-node') };

/** In this order; `:trace`, `:capture` and `:fault` are the last that were made. */
const WALK: readonly Walk[] = [
  { operation: 'GET /clusters', path: '/clusters', status: 200 },
  { operation: 'POST /clusters', path: '/clusters', body: SECOND, status: 201 },
  { operation: 'POST /clusters', path: '/clusters', body: SECOND, status: 409 },
  { operation: 'POST /clusters', path: '/clusters', body: {}, status: 400 },
  {
    operation: 'POST /clusters',
    path: '/clusters',
    body: encodeCbor(1),
    headers: { 'content-type': 'application/cbor' },
    status: 400,
  },
  { operation: 'POST /clusters', path: '/clusters', body: 'x', headers: { 'content-type': 'image/png' }, status: 415 },
  { operation: `GET ${OF}`, path: AT, status: 200 },
  { operation: `DELETE ${OF}`, path: '/clusters/second', status: 204 },
  { operation: `GET ${OF}/snapshot`, path: `${AT}/snapshot`, status: 200 },
  { operation: `GET ${OF}/findings`, path: `${AT}/findings`, status: 200 },
  { operation: `GET ${OF}/kinds`, path: `${AT}/kinds`, status: 200 },
  { operation: `GET ${OF}/objects`, path: `${AT}/objects?full=true`, status: 200 },
  { operation: `GET ${OF}/objects`, path: `${AT}/objects?labels=x+y`, status: 400 },
  { operation: `POST ${OF}/objects`, path: `${AT}/objects`, body: DENY_WEB, headers: YAML, status: 201 },
  { operation: `POST ${OF}/objects`, path: `${AT}/objects`, body: DENY_WEB, headers: YAML, status: 409 },
  { operation: `POST ${OF}/objects`, path: `${AT}/objects`, body: 'kind: [', headers: YAML, status: 400 },
  { operation: `POST ${OF}/objects`, path: `${AT}/objects?apply=true`, body: DENY_WEB, headers: YAML, status: 200 },
  { operation: `GET ${ONE}`, path: POLICY, status: 200 },
  { operation: `PUT ${ONE}`, path: POLICY, body: DENY_WEB, headers: YAML, status: 200 },
  { operation: `PATCH ${ONE}`, path: POLICY, body: '{"metadata":{"labels":{"a":"b"}}}', headers: MERGE, status: 200 },
  { operation: `PATCH ${ONE}`, path: POLICY, body: '[]', headers: JSON_PATCH, status: 200 },
  { operation: `PATCH ${ONE}`, path: POLICY, body: '{}', headers: JSON_TYPE, status: 415 },
  {
    operation: `PATCH ${ONE}`,
    path: `${AT}/objects/core/Pod/default/web`,
    body: '{"spec":{"hostNetwork":true}}',
    headers: MERGE,
    status: 422,
  },
  { operation: `PATCH ${ONE}`, path: `${POLICY}?fieldManager=a`, body: DENY_WEB, headers: APPLY, status: 200 },
  { operation: `PATCH ${ONE}`, path: `${POLICY}?fieldManager=b`, body: DENY_API, headers: APPLY, status: 409 },
  { operation: `PATCH ${ONE}`, path: POLICY, body: DENY_WEB, headers: APPLY, status: 422 },
  { operation: `DELETE ${ONE}`, path: POLICY, status: 200 },
  { operation: `PATCH ${ONE}`, path: `${POLICY}?fieldManager=a`, body: DENY_WEB, headers: APPLY, status: 201 },
  { operation: `DELETE ${ONE}`, path: POLICY, status: 200 },
  { operation: `PUT ${ONE}`, path: POLICY, body: DENY_WEB, headers: YAML, status: 201 },
  { operation: `DELETE ${ONE}`, path: POLICY, status: 200 },
  { operation: `GET ${OF}/hosts`, path: `${AT}/hosts`, status: 200 },
  { operation: `GET ${OF}/hosts/{name}`, path: `${AT}/hosts/node1`, status: 200 },
  { operation: `GET ${OF}/hosts/{name}`, path: `${AT}/hosts/nod1`, status: 404 },
  { operation: `GET ${OF}/hosts/{name}/state`, path: `${AT}/hosts/node1/state`, status: 200 },
  { operation: `GET ${OF}/hosts/{name}/text`, path: `${AT}/hosts/node1/text`, status: 200 },
  { operation: `GET ${OF}/pods`, path: `${AT}/pods`, status: 200 },
  {
    operation: `POST ${OF}/exec`,
    path: `${AT}/exec`,
    body: { target: 'node/node1', command: ['ip', 'link'] },
    status: 200,
  },
  { operation: `POST ${OF}/exec`, path: `${AT}/exec`, body: { target: 'node/node1' }, status: 400 },
  { operation: `POST ${OF}/traces`, path: `${AT}/traces`, body: { ...TO_WEB, branches: 'all' }, status: 201 },
  { operation: `GET ${OF}/traces/{id}`, path: `${AT}/traces/:trace`, status: 200 },
  ...['json', 'cbor', 'text', 'minimal', 'pcapng', 'summary'].flatMap((format) => [
    { operation: `POST ${OF}/traces`, path: `${AT}/traces?format=${format}`, body: TO_WEB, status: 201 },
    { operation: `GET ${OF}/traces/{id}`, path: `${AT}/traces/:trace?format=${format}`, status: 200 },
  ]),
  { operation: `GET ${OF}/traces`, path: `${AT}/traces`, status: 200 },
  { operation: `GET ${OF}/traces/{id}`, path: `${AT}/traces/:trace`, headers: { accept: 'image/png' }, status: 406 },
  { operation: `DELETE ${OF}/traces/{id}`, path: `${AT}/traces/:trace`, status: 204 },
  {
    operation: `POST ${OF}/what-if`,
    path: `${AT}/what-if`,
    body: { changes: [{ apply: DENY_WEB }], flows: FLOWS },
    status: 200,
  },
  { operation: 'GET /scenarios', path: '/scenarios', status: 200 },
  { operation: 'GET /scenarios/{name}', path: '/scenarios/same-node', status: 200 },
  { operation: 'POST /scenarios/{name}/run', path: '/scenarios/same-node/run', body: {}, status: 201 },
  {
    operation: `POST ${OF}/captures`,
    path: `${AT}/captures`,
    body: { interfaces: [{ target: 'node/node1' }], filter: 'tcp' },
    status: 201,
  },
  {
    operation: `POST ${OF}/captures`,
    path: `${AT}/captures`,
    body: { interfaces: [{ target: 'node/node1' }], filter: '(' },
    status: 400,
  },
  { operation: `GET ${OF}/captures`, path: `${AT}/captures`, status: 200 },
  { operation: `GET ${OF}/captures/{id}`, path: `${AT}/captures/:capture`, status: 200 },
  { operation: `POST ${OF}/captures/{id}/stop`, path: `${AT}/captures/:capture/stop`, status: 200 },
  { operation: `GET ${OF}/captures/{id}/pcapng`, path: `${AT}/captures/:capture/pcapng`, status: 200 },
  { operation: `DELETE ${OF}/captures/{id}`, path: `${AT}/captures/:capture`, status: 204 },
  { operation: `GET ${OF}/stream`, path: `${AT}/stream`, status: 426 },
  { operation: `GET ${OF}/clock`, path: `${AT}/clock`, status: 200 },
  { operation: `POST ${OF}/clock/run`, path: `${AT}/clock/run`, status: 200 },
  { operation: `POST ${OF}/clock/pause`, path: `${AT}/clock/pause`, status: 200 },
  { operation: `POST ${OF}/clock/step`, path: `${AT}/clock/step`, body: { events: 2 }, status: 200 },
  { operation: `POST ${OF}/clock/jump`, path: `${AT}/clock/jump`, body: { byNs: 1000 }, status: 200 },
  { operation: `POST ${OF}/clock/jump`, path: `${AT}/clock/jump`, body: {}, status: 400 },
  { operation: `POST ${OF}/faults`, path: `${AT}/faults`, body: { kind: 'node', name: 'node2' }, status: 201 },
  { operation: `POST ${OF}/faults`, path: `${AT}/faults`, body: { kind: 'node', name: 'node2' }, status: 409 },
  { operation: `GET ${OF}/faults`, path: `${AT}/faults`, status: 200 },
  { operation: `GET ${OF}/faults/{id}`, path: `${AT}/faults/:fault`, status: 200 },
  { operation: `DELETE ${OF}/faults/{id}`, path: `${AT}/faults/:fault`, status: 204 },
  { operation: `GET ${OF}/faults/{id}`, path: `${AT}/faults/:fault`, status: 404 },
];

const MADE: Readonly<Record<string, string>> = {
  'POST /clusters/{cluster}/traces': ':trace',
  'POST /clusters/{cluster}/captures': ':capture',
  'POST /clusters/{cluster}/faults': ':fault',
};

/** What the document says of an answer, and whether it is so. */
class Judge {
  readonly #operations: ReadonlyMap<string, Parsed>;
  readonly #ajv: Ajv2020;

  constructor(document: Parsed) {
    this.#operations = operationsOf(document);
    this.#ajv = compilerOf(closed(document));
  }

  /** Undefined where it is as described. */
  flaw(operation: string, { status, headers, text, json }: Answer): string | undefined {
    const { responses } = this.#operations.get(operation) ?? {};
    const described = [String(status), `${Math.floor(status / 100)}XX`].find((key) => key in (responses ?? {}));
    if (described === undefined) return `${status} is not described`;
    const content = responses[described].content ?? {};
    const media = headers.get('content-type')?.split(';')[0];
    if (media === undefined) return text === '' && Object.keys(content).length === 0 ? undefined : 'no content type';
    if (!(media in content)) return `${media} is not described`;
    if (!media.endsWith('json')) return undefined;
    const [method = '', path = ''] = operation.split(' ');
    const at = `/paths/${escaped(`${API}${path}`)}/${method.toLowerCase()}/responses/${described}`;
    const validate = this.#ajv.compile({
      $ref: `https://podwire.test/document#${at}/content/${escaped(media)}/schema`,
    });
    return validate(json) ? undefined : this.#ajv.errorsText(validate.errors);
  }
}

t.test('every route answers as the document says', async (t) => {
  const asked = await running(t, { clusters: [cluster(VXLAN)] });
  const document = await documentOf(asked);
  const judge = new Judge(document);
  const made = new Map<string, string>();
  for (const { operation, path, body, headers, status } of WALK) {
    const [method = ''] = operation.split(' ');
    const actual = [...made].reduce((text, [mark, id]) => text.replace(mark, id), path);
    const answer = await asked.ask(method, actual, body, headers);
    t.equal(answer.status, status, `${method} ${path}: ${answer.text.slice(0, 300)}`);
    t.equal(judge.flaw(operation, answer), undefined, `${method} ${path} ${status}`);
    const id = answer.headers.get('location')?.split('/').at(-1);
    const mark = MADE[operation];
    if (mark !== undefined && id !== undefined) made.set(mark, id);
  }
  t.strictSame(
    new Set(WALK.map(({ operation }) => operation)),
    new Set(operationsOf(document).keys()),
    'and none is left out',
  );
});

/** What stands for the parameters of a path, where examples are sent. */
const PLACES: readonly (readonly [parameter: string, value: string])[] = [
  ['{group}/{kind}/{namespace}/{name}', 'networking.k8s.io/NetworkPolicy/default/deny-web'],
  ['{cluster}', VXLAN],
  ['{name}', 'same-node'],
];

/** What an example needs beside its body, by the operation or the type. */
const QUERIES: Readonly<Record<string, string>> = {
  'POST /clusters/{cluster}/objects': '?apply=true',
  'application/apply-patch+yaml': '?fieldManager=example',
};

t.test('every body has an example, which is taken as it stands', async (t) => {
  const asked = await running(t, { clusters: [cluster(VXLAN)] });
  for (const [operation, { requestBody }] of operationsOf(await documentOf(asked))) {
    const [method = '', template = ''] = operation.split(' ');
    const path = PLACES.reduce((text, [parameter, value]) => text.replace(parameter, value), template);
    for (const [type, { example, examples = {} }] of Object.entries<Parsed>(requestBody?.content ?? {})) {
      if (type === 'application/cbor') continue;
      const several = Object.values<Parsed>(examples).map(({ value }) => value);
      const given = example === undefined ? several : [example];
      t.ok(given.length > 0, `${operation} ${type}`);
      const query = QUERIES[operation] ?? QUERIES[type] ?? '';
      for (const one of given) {
        const body = typeof one === 'string' ? one : JSON.stringify(one);
        const answer = await asked.ask(method, `${path}${query}`, body, { 'content-type': type });
        t.ok(answer.status < 300, `${operation} ${type}: ${answer.text.slice(0, 300)}`);
      }
    }
  }
});

t.test('what was made can be read where the answer says', async (t) => {
  const { server, ask } = await running(t, { clusters: [cluster(VXLAN)] });
  for (const [path, body] of [
    ['/clusters', { name: 'second', sources: sourcesOf('same-node') }],
    [`${AT}/traces`, TO_WEB],
    [`${AT}/captures`, { interfaces: [{ target: 'node/node1' }] }],
    [`${AT}/faults`, { kind: 'pod', namespace: 'default', name: 'web' }],
  ] as const) {
    const made = await ask('POST', path, body);
    t.equal(made.status, 201);
    const read = await fetch(`${server.url}${made.headers.get('location') ?? ''}`);
    t.equal(read.status, 200, path);
  }
});

t.test('the document comes as YAML too', async (t) => {
  const asked = await running(t);
  const { status, headers, text } = await asked.ask('GET', '/openapi.yaml');
  t.equal(status, 200);
  t.match(headers.get('content-type'), 'application/yaml');
  t.strictSame(parse(text), await documentOf(asked));
});

t.test('a judge that would find a flaw', async (t) => {
  const asked = await running(t);
  const document = await documentOf(asked);
  const answer = await asked.ask('GET', '/clusters');
  const flaw = (change: (copy: Parsed) => void): string | undefined => {
    const copy = structuredClone(document);
    change(copy.paths[`${API}/clusters`].get.responses);
    return new Judge(copy).flaw('GET /clusters', answer);
  };
  t.equal(
    flaw(() => undefined),
    undefined,
  );
  t.match(
    flaw((responses) => delete responses['200']),
    /200 is not described/,
  );
  t.match(
    flaw((responses) => delete responses['200'].content['application/json'].schema.properties.total),
    /additional properties/,
  );
  t.match(
    flaw((responses) => (responses['200'].content['application/json'].schema.properties.total.type = 'string')),
    /must be string/,
  );
});

t.test('a cluster that is not there, and a parameter that is not, are problems of every route', async (t) => {
  const asked = await running(t);
  const document = await documentOf(asked);
  const judge = new Judge(document);
  for (const [operation, { parameters = [], requestBody }] of operationsOf(document)) {
    const [method = '', template = ''] = operation.split(' ');
    const path = template.replace('{cluster}', 'nobody').replaceAll(/\{\w+\}/g, 'x');
    const given = parameters.find((one: Parsed) => one.in === 'query')?.name ?? 'format';
    const wrong = `${given.slice(0, -1)}_`;
    const refused = await asked.ask(method, `${path}?${wrong}=1`);
    t.equal(refused.status, 400, operation);
    t.match(refused.json, { type: 'urn:podwire:problem:bad-request', errors: [{ field: `/${wrong}` }] }, operation);
    t.match(refused.json.detail, `no query parameter "${wrong}"`, operation);
    if (parameters.some((one: Parsed) => one.in === 'query'))
      t.ok(refused.json.errors[0].near.includes(given), operation);
    t.equal(judge.flaw(operation, refused), undefined, operation);
    if (!template.includes('{cluster}')) continue;
    const [media = ''] = Object.keys(requestBody?.content ?? {});
    const headers: Record<string, string> = media === '' ? {} : { 'content-type': media };
    const missing = await asked.ask(method, path, BODIES[operation] ?? (media === '' ? undefined : '{}'), headers);
    t.equal(missing.status, 404, `${operation}: ${missing.text}`);
    t.equal(judge.flaw(operation, missing), undefined, operation);
  }
});

/** Bodies that are right, so that the cluster is what is wrong. */
const BODIES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries<object>({
    'POST /clusters/{cluster}/exec': { target: 'node/a', command: ['ip'] },
    'POST /clusters/{cluster}/traces': TO_WEB,
    'POST /clusters/{cluster}/what-if': { changes: [], flows: FLOWS },
    'POST /clusters/{cluster}/captures': { interfaces: [{ target: 'node/a' }] },
    'POST /clusters/{cluster}/clock/jump': { byNs: 1 },
    'POST /clusters/{cluster}/faults': { kind: 'node', name: 'a' },
  }).map(([name, body]) => [name, JSON.stringify(body)]),
);

t.test('the reference page loads nothing from elsewhere', async (t) => {
  const { server } = await running(t);
  const page = await fetch(`${server.url}${API}/reference/`);
  t.equal(page.status, 200);
  t.match(page.headers.get('content-security-policy'), /default-src 'self'/);
  t.notMatch(page.headers.get('content-security-policy'), /https:|upgrade-insecure-requests/);
  const html = await page.text();
  t.match(html, /<title>podwire API<\/title>/);
  const loaded = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url ?? '');
  t.ok(loaded.length > 2);
  for (const url of loaded) {
    t.notMatch(url, /^(https?:)?\/\//, url);
    t.equal((await fetch(new URL(url, page.url))).status, 200, url);
  }
});
