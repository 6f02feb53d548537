/** Shapes of requests and answers: what validates them, types them, and makes the API's document. */

import { type Static, type TSchema, Type } from 'typebox';
import { FAULT_FIELDS, type FaultRequest, LARGEST_SIZE } from '../cluster/index.js';
import { VERDICTS } from '../trace/index.js';
import * as EXAMPLES from './examples.js';
import { PROBLEMS } from './problem.js';
import { TRACE_FORMATS } from './session/traces.js';

export const oneOf = <T extends string>(values: readonly T[], about: object = {}) =>
  Type.Unsafe<T>({ type: 'string', enum: values, ...about });

export const described = (description: string): { description: string } => ({ description });
export const closed = { additionalProperties: false } as const;

export const Text = Type.String();
export const Count = Type.Integer({ minimum: 0 });
const Nanoseconds = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'nanoseconds of virtual time',
});

export const ProblemSchema = Type.Object(
  {
    type: Type.String(described('urn:podwire:problem:…, by which a program can decide')),
    title: Text,
    status: Type.Integer(),
    detail: Text,
    instance: Type.String(described('the path that was asked for')),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          message: Text,
          file: Type.Optional(Text),
          line: Type.Optional(Type.Integer()),
          column: Type.Optional(Type.Integer()),
          object: Type.Optional(Text),
          field: Type.Optional(
            Type.String(
              described('of an object spec.ports[0].port; of the request /from, a JSON pointer or a query parameter'),
            ),
          ),
          expected: Type.Optional(Text),
          got: Type.Optional(Text),
          reason: Type.Optional(
            Type.Literal('FieldManagerConflict', described('of an apply: the field is somebody else’s')),
          ),
          near: Type.Optional(Type.Array(Text, described('names that there are, like the one that was given'))),
        }),
      ),
    ),
  },
  { $id: 'Problem', title: 'Problem', description: `RFC 9457. Types: ${Object.keys(PROBLEMS).join(', ')}` },
);

/** Every error of every route. */
export const ERRORS = {
  '4xx': { description: 'Refused', content: { 'application/problem+json': { schema: Type.Ref('Problem#') } } },
  '5xx': { description: 'Failed', content: { 'application/problem+json': { schema: Type.Ref('Problem#') } } },
} as const;

export const PageQuery = {
  limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'rows of a page' }),
  continue: Type.Optional(Type.String({ maxLength: 1024, description: 'token of the page before' })),
};

export const pageOf = <T extends TSchema>(item: T) =>
  Type.Object({
    items: Type.Array(item),
    total: Type.Integer(described('of the whole list')),
    continue: Type.Optional(Type.String(described('token of the next page; absent on the last'))),
  });

export const ClusterParams = Type.Object({
  cluster: Type.String({ maxLength: 64, description: 'id or name of a cluster' }),
});
export const WithId = Type.Object({
  ...ClusterParams.properties,
  id: Type.String({ maxLength: 64, description: 'as the answer had it that made it' }),
});

export const ClusterSummary = Type.Object(
  {
    id: Type.String(described('never used again')),
    name: Text,
    createdAt: Text,
    state: oneOf(['loading', 'ready', 'failed', 'closed']),
    restarted: Type.Optional(Type.String(described('why it was last built anew without being asked'))),
    seed: Type.Optional(Count),
    generation: Type.Optional(Type.Integer(described('goes up with every change of objects'))),
    objects: Type.Optional(Count),
    nodes: Type.Optional(Count),
    pods: Type.Optional(Count),
    services: Type.Optional(Count),
    warnings: Type.Optional(Count),
    notices: Type.Optional(Count),
    nowNs: Type.Optional(Nanoseconds),
  },
  { title: 'Cluster' },
);

export const NewCluster = Type.Object(
  {
    name: Type.Optional(Type.String({ maxLength: 63, description: 'lower case letters, digits and "-"' })),
    seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 999_999_999 })),
    sources: Type.Array(Type.Object({ file: Type.String({ minLength: 1, maxLength: 1024 }), text: Text }, closed), {
      minItems: 1,
      maxItems: 10_000,
      description: 'manifests as texts, YAML or JSON',
    }),
  },
  { ...closed, title: 'NewCluster', examples: [EXAMPLES.newCluster] },
);

export const FindingSchema = Type.Object({
  code: Text,
  severity: oneOf(['warning', 'notice']),
  message: Text,
  object: Text,
  file: Text,
  line: Type.Integer(),
  column: Type.Integer(),
  field: Text,
});

/** An object as it was written: anything. */
export const AnyObject = Type.Unsafe<Record<string, unknown>>({ type: 'object', additionalProperties: true });

export const ListedObjectSchema = Type.Object(
  {
    group: Type.String(described('"" for the core group')),
    kind: Text,
    namespace: Text,
    name: Text,
    resourceVersion: Type.String(described('another one whenever the object is another')),
    origin: oneOf(['file', 'controller']),
    file: Type.Optional(Text),
    line: Type.Optional(Type.Integer()),
    object: Type.Optional(AnyObject),
  },
  { title: 'Object' },
);
export const ObjectList = Type.Object({
  ...pageOf(ListedObjectSchema).properties,
  resourceVersion: Type.String(described('of the last change of any object')),
});
export const HostSchema = Type.Object(
  {
    name: Text,
    role: oneOf(['node', 'router', 'host', 'balancer']),
    built: Type.Boolean(described('machines are built when somebody first asks for them')),
    off: Type.Boolean(described('by a fault')),
    interfaces: Type.Array(
      Type.Object({
        name: Text,
        switch: Text,
        subnet: Text,
        address: Type.Optional(Text),
        prefixLength: Count,
        mtu: Count,
      }),
    ),
  },
  { title: 'Host' },
);
export const HostStateSchema = Type.Unsafe<unknown>({
  type: 'object',
  additionalProperties: true,
  title: 'HostState',
  description: 'links, addresses, routes, rules, neighbours, fdb, sysctls, ipsets, iptables, listeners; files',
});
export const PodSchema = Type.Object(
  {
    namespace: Text,
    name: Text,
    node: Text,
    hostNetwork: Type.Boolean(),
    addresses: Type.Array(Text),
    labels: Type.Record(Type.String(), Type.String()),
  },
  { title: 'Pod' },
);

export const Target = Type.String({
  minLength: 1,
  maxLength: 512,
  description: 'pod/NAMESPACE/NAME, deployment/NAMESPACE/NAME or another workload, node/NAME or host/NAME',
});

export const ExecRequest = Type.Object(
  {
    target: Target,
    command: Type.Array(Type.String({ maxLength: 4096 }), {
      minItems: 1,
      maxItems: 256,
      description: 'the tool and its arguments, word by word; `sh -c` takes a line',
    }),
  },
  { ...closed, title: 'ExecRequest', examples: [EXAMPLES.exec] },
);
export const ExecResult = Type.Object(
  { exitCode: Type.Integer(), stdout: Text, stderr: Text },
  { title: 'ExecResult' },
);

export const TraceRequestSchema = Type.Object(
  {
    from: Type.String({
      minLength: 1,
      maxLength: 512,
      description:
        'pod/NAMESPACE/NAME, deployment/NAMESPACE/NAME or another workload, node/NAME, host/NAME or an address',
    }),
    to: Type.String({ minLength: 1, maxLength: 512, description: 'the same or svc/NAMESPACE/NAME, with :PORT' }),
    protocol: oneOf(['tcp', 'udp', 'sctp', 'icmp'], { default: 'tcp' }),
    size: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: LARGEST_SIZE,
        description: 'octets of data to send, so that links of a smaller MTU on the way show',
      }),
    ),
    branches: oneOf(['one', 'all'], { default: 'one', description: 'all: every way that chance can take' }),
    backend: Type.Optional(
      Type.String({ minLength: 1, maxLength: 512, description: 'the way that leads there: pod/NAMESPACE/NAME, …' }),
    ),
  },
  { ...closed, title: 'TraceRequest', examples: [EXAMPLES.trace] },
);

export const verdictNames = Object.keys(VERDICTS) as (keyof typeof VERDICTS)[];
const Verdict = oneOf(verdictNames);
const End = { label: Text, address: Type.Optional(Text) };
export const TraceSummarySchema = Type.Object(
  {
    id: Text,
    from: Type.Object(End),
    to: Type.Object({ ...End, port: Type.Optional(Type.Integer()) }),
    protocol: oneOf(['tcp', 'udp', 'sctp', 'icmp']),
    size: Type.Optional(Type.Integer(described('octets of data, where a number was asked for'))),
    verdict: Verdict,
    explanation: Type.Array(Text),
    packets: Count,
    timeNs: Nanoseconds,
    generation: Type.Integer(),
    branches: Type.Array(
      Type.Object({
        probability: Type.Number(),
        choices: Type.Array(
          Type.Object({
            of: oneOf(['resolution', 'connection']),
            asked: Text,
            went: Text,
            reached: Type.Optional(Text),
          }),
          described(
            "what was translated on the way, and into what: of questions for the destination's name, and of the connection",
          ),
        ),
        verdict: Verdict,
        explanation: Type.Array(Text),
        reached: Text,
      }),
    ),
    complete: Type.Boolean(described('false where there are more branches than the limit')),
  },
  { title: 'TraceSummary' },
);
export const TraceFormatQuery = {
  format: Type.Optional(oneOf(TRACE_FORMATS, { description: 'goes before the Accept header' })),
  branch: Type.Optional(Type.Integer({ minimum: 0, description: 'from 0; left out, all that were asked for' })),
};

export const CaptureRequestSchema = Type.Object(
  {
    interfaces: Type.Array(
      Type.Object({ target: Target, interface: Type.Optional(Type.String({ minLength: 1, maxLength: 15 })) }, closed),
      { minItems: 1, maxItems: 256, description: 'without an interface, all that are there' },
    ),
    filter: Type.Optional(
      Type.String({ maxLength: 4096, description: 'a display filter: tcp.port == 80 && pod == shop/web-*' }),
    ),
    snapLength: Type.Optional(Type.Integer({ minimum: 14, maximum: 262_144 })),
    maxFrames: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  { ...closed, title: 'CaptureRequest', examples: [EXAMPLES.capture] },
);
export const CaptureSchema = Type.Object(
  {
    id: Text,
    interfaces: Type.Array(Type.Object({ target: Text, interface: Text })),
    filter: Text,
    running: Type.Boolean(),
    frames: Count,
    bytes: Count,
    missed: Type.Integer(described('frames that came when the capture was full')),
    ended: Type.Optional(Text),
  },
  { title: 'Capture' },
);

export const ClockSchema = Type.Object(
  {
    nowNs: Nanoseconds,
    nextEventNs: Type.Optional(Nanoseconds),
    running: Type.Boolean(),
    pace: Type.Number(described('virtual seconds in a real one')),
    stopped: Type.Optional(Type.String(described('why it stopped by itself'))),
    ran: Type.Optional(Type.Integer(described('events that a step ran'))),
    complete: Type.Optional(Type.Boolean(described('false where a jump took too long and ended before'))),
  },
  { title: 'Clock' },
);
export const RunClock = Type.Object(
  {
    pace: Type.Number({ exclusiveMinimum: 0, maximum: 1e6, default: 1, description: 'virtual seconds in a real one' }),
  },
  { ...closed, examples: [EXAMPLES.runClock] },
);
export const StepClock = Type.Object(
  { events: Type.Integer({ minimum: 1, maximum: 100_000, default: 1 }) },
  { ...closed, examples: [EXAMPLES.stepClock] },
);
export const JumpClock = Type.Object(
  { toNs: Type.Optional(Nanoseconds), byNs: Type.Optional(Nanoseconds) },
  { ...closed, minProperties: 1, description: 'one of both', examples: [EXAMPLES.jumpClock] },
);

export const Name = Type.String({ minLength: 1, maxLength: 253 });
const faultOf = <T extends FaultRequest['kind']>(kind: T) =>
  Type.Object(
    { kind: Type.Literal(kind), ...Object.fromEntries(FAULT_FIELDS[kind].map((field) => [field, Name])) },
    closed,
  );
/** By its kind one shape is chosen, so that an error is about that one alone. */
export const FaultRequestSchema = Type.Unsafe<FaultRequest>({
  type: 'object',
  discriminator: { propertyName: 'kind' },
  required: ['kind'],
  oneOf: (Object.keys(FAULT_FIELDS) as FaultRequest['kind'][]).map(faultOf),
  title: 'FaultRequest',
  examples: EXAMPLES.faults,
});
export const FaultSchema = Type.Object(
  { id: Text, fault: Type.Unsafe<FaultRequest>({ type: 'object', additionalProperties: true }), sinceNs: Nanoseconds },
  { title: 'Fault' },
);

const ExpectedFlowSchema = Type.Object({ name: Text, from: Text, to: Text, protocol: Text, verdict: Text });
const scenarioFields = { name: Text, title: Text, description: Text, expectations: Type.Array(ExpectedFlowSchema) };
export const ScenarioSummary = Type.Object(scenarioFields, { title: 'ScenarioSummary' });
export const ScenarioSchema = Type.Object(
  { ...scenarioFields, readme: Text, sources: Type.Array(Type.Object({ file: Text, text: Text })) },
  { title: 'Scenario' },
);
export const RunScenario = Type.Object(
  {
    cluster: Type.Optional(Type.String({ maxLength: 63, description: "its name; the scenario's own by default" })),
    replace: Type.Boolean({ default: false, description: 'a cluster of that name goes first' }),
    seed: Type.Integer({ minimum: 0, maximum: 999_999_999, default: 1 }),
  },
  { ...closed, title: 'RunScenario', examples: [EXAMPLES.runScenario] },
);
export const ExpectedResult = Type.Object({
  name: Text,
  after: Type.Optional(Type.String(described('the change that came before'))),
  from: Text,
  to: Text,
  protocol: oneOf(['tcp', 'udp', 'sctp', 'icmp']),
  expected: Verdict,
  verdict: Verdict,
  passed: Type.Boolean(),
  unmet: Type.Array(Text, described('in what it is not as expected')),
  trace: Type.String(described('id')),
});

export type NewClusterBody = Static<typeof NewCluster>;
