/** Shapes of what-if: changes, flows, and what would become of them. */

import { Type } from 'typebox';
import type { Json, JsonObject } from '../kubernetes/index.js';
import * as EXAMPLES from './examples.js';
import { PATCH_FORMS } from './session/patches.js';
import { closed, Count, described, FaultRequestSchema, Name, oneOf, Target, Text, verdictNames } from './schemas.js';

const ChangedObject = {
  group: Type.Optional(Type.String({ maxLength: 253, description: 'left out: whichever has such an object' })),
  kind: Type.String({ minLength: 1, maxLength: 63 }),
  namespace: Type.Optional(Type.String({ maxLength: 253 })),
  name: Name,
};
/** As of a trace. */
const Destination = Type.String({
  minLength: 1,
  maxLength: 512,
  description: 'pod/NAMESPACE/NAME, svc/NAMESPACE/NAME, node/NAME, host/NAME or an address, with :PORT',
});
const AnyJson = Type.Unsafe<Json>({});
export const WhatIfRequestSchema = Type.Object(
  {
    changes: Type.Array(
      Type.Object(
        {
          apply: Type.Optional(
            Type.Unsafe<string | JsonObject>({
              type: ['string', 'object'],
              description: 'YAML or JSON text, or an object',
            }),
          ),
          patch: Type.Optional(
            Type.Object(
              {
                ...ChangedObject,
                type: Type.Optional(
                  oneOf(PATCH_FORMS, { description: 'left out: json of a list of operations, else merge' }),
                ),
                patch: AnyJson,
              },
              { ...closed, description: 'a merge patch, operations, or a strategic merge patch' },
            ),
          ),
          delete: Type.Optional(Type.Object(ChangedObject, closed)),
          fault: Type.Optional(FaultRequestSchema),
        },
        { ...closed, minProperties: 1 },
      ),
      { maxItems: 256 },
    ),
    flows: Type.Array(
      Type.Object(
        {
          from: Type.Optional(Target),
          to: Type.Optional(Destination),
          among: Type.Optional(
            Type.Array(Target, { minItems: 2, maxItems: 64, description: 'from each of these to each other' }),
          ),
          port: Type.Optional(
            Type.Integer({ minimum: 1, maximum: 65_535, description: 'where "to" has none, and of "among"' }),
          ),
          protocol: oneOf(['tcp', 'udp', 'sctp', 'icmp'], { default: 'tcp' }),
        },
        closed,
      ),
      { minItems: 1, maxItems: 1024 },
    ),
  },
  { ...closed, title: 'WhatIfRequest', examples: [EXAMPLES.whatIf] },
);
const FlowOutcomeSchema = Type.Object({
  verdict: oneOf([...verdictNames, 'none'], described('none: there is nothing to send from or to')),
  explanation: Type.Array(Text),
  way: Type.Array(Text, described('places that the request passed')),
  decidedBy: Type.Array(Type.Object({ place: Text, text: Text, because: Type.Array(Text) })),
});
export const WhatIfSchema = Type.Object(
  {
    changed: Count,
    flows: Type.Array(
      Type.Object({
        from: Text,
        to: Text,
        protocol: oneOf(['tcp', 'udp', 'sctp', 'icmp']),
        before: FlowOutcomeSchema,
        after: FlowOutcomeSchema,
        changed: oneOf(['verdict', 'way', 'no']),
      }),
    ),
  },
  { title: 'WhatIf' },
);
