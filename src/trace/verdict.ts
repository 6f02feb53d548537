/** How a connection ended: a closed list. */
export const VERDICTS = {
  answered: 'the request arrived and the answer came back',
  unanswered: 'the request arrived and nothing answers there',
  refused: 'the destination refused: nobody listens on that port',
  rejected: 'a firewall rule rejected it with an error',
  dropped: 'a packet of the request was dropped',
  'reply-dropped': 'the request arrived, its answer was dropped',
  unreachable: 'there is no way to the destination',
  'too-big': 'a packet is larger than a link on the way can carry',
  'ttl-exceeded': 'the TTL ran out on the way',
  unresolved: 'the name has no address',
  unknown: 'the outcome depends on something that podwire does not model',
} as const satisfies Record<string, string>;

export type Verdict = keyof typeof VERDICTS;
