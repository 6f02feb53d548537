/** The stream of a cluster. Its websocket is no route (socket/sockets.ts): what asks without an upgrade is told so here. */

import { Type } from 'typebox';
import { filterReference } from '../filter/reference.js';
import { Problem } from '../problem.js';
import { ClusterParams, ERRORS } from '../schemas.js';
import { EVENT_NAMES, STREAM_KINDS } from '../stream/messages.js';
import { type App, type RouteContext, threadOf } from './context.js';

const DESCRIPTION = `A websocket (RFC 6455). Subprotocols: \`podwire.cbor\` (the default) and \`podwire.json\`, in which bytes are hexadecimal digits. A page that
cannot set headers says its token as a second subprotocol, \`bearer.TOKEN\`. The client says

    {"op": "subscribe", "subscription": "a", "kinds": ["frames", "traces"], "filter": "tcp.port == 80", "dissection": false}
    {"op": "subscribe", "subscription": "a", "kinds": ["frames"], "resume": {"epoch": "…", "seq": 4711}}
    {"op": "unsubscribe", "subscription": "a"}
    {"op": "dissect", "seq": 4711}

and gets \`subscribed\`, \`batch\`, \`dissection\`, \`unsubscribed\`, \`restarted\` and \`error\` (with a problem document, and in \`about\` the
subscription or in \`seq\` the frame that was asked for). Kinds of streams: ${STREAM_KINDS.join(', ')}.
Events: ${EVENT_NAMES.join(', ')}.

## Filters

${filterReference()}

Filters of captures are the same language, of the stream \`frames\`.`;

export function streamRoutes(app: App, context: RouteContext): void {
  app.get(
    '/clusters/:cluster/stream',
    {
      schema: {
        tags: ['stream'],
        operationId: 'openStream',
        summary: 'Follow what happens, through a filter',
        description: DESCRIPTION,
        params: ClusterParams,
        headers: Type.Object({
          upgrade: Type.Optional(Type.String({ description: 'websocket' })),
          'sec-websocket-protocol': Type.Optional(Type.String({ description: 'podwire.cbor or podwire.json' })),
        }),
        response: { 101: { description: 'The websocket is open', type: 'null' }, ...ERRORS },
      },
    },
    async ({ params }, reply) => {
      threadOf(context, params.cluster);
      void reply.header('upgrade', 'websocket');
      throw new Problem('upgrade-required', 'the stream is a websocket: ask for an upgrade (RFC 6455)');
    },
  );
}
