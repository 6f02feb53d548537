/** What is known of one message of a stream while a filter looks at it: a frame, a step, a trace, an event, a counter. */

import { type Headers, headersOf } from './headers.js';

/** Where and when it was seen. Parts that a thing does not have are absent. */
export interface Seen {
  readonly timeNs: number;
  /** `pod/NS/NAME`, `node/NAME`, `host/NAME`. */
  readonly place: string;
  readonly host: string;
  /** '' for the machine's own. */
  readonly netns: string;
  readonly interface?: string;
  readonly direction?: 'in' | 'out';
  readonly step?: string;
}

/** What is said of it beside. */
export interface Told {
  /** Of all branches of a trace; of a step, what a rule did. */
  readonly verdicts?: readonly string[];
  readonly dropReasons?: readonly string[];
  readonly event?: string;
  /** `NetworkPolicy shop/deny`: what an event is about, and what it happened for. */
  readonly objects?: readonly string[];
  /** What is about several machines, places and interfaces has them here, and none in `Seen`. */
  readonly hosts?: readonly string[];
  readonly places?: readonly string[];
  readonly interfaces?: readonly string[];
}

/** Whose an address is. */
export interface AddressNames {
  /** `shop/web-1`. */
  readonly pod?: string;
  readonly namespace?: string;
  /** `shop/web`. */
  readonly service?: string;
  readonly node?: string;
}

export type NameLookup = (address: number) => AddressNames | undefined;

export interface FrameNames {
  readonly pods: readonly string[];
  readonly namespaces: readonly string[];
  readonly services: readonly string[];
  readonly nodes: readonly string[];
}

const ADDRESS_FIELDS = ['ip.src', 'ip.dst', 'arp.src', 'arp.dst'];

const present = (values: readonly (string | undefined)[]): string[] => values.filter((value) => value !== undefined);

/** Names of what has one of the addresses. */
export function namesOf(addresses: readonly number[], lookup: NameLookup): FrameNames {
  const found = addresses.map(lookup).filter((names) => names !== undefined);
  return {
    pods: present(found.map(({ pod }) => pod)),
    namespaces: present(found.map(({ namespace }) => namespace)),
    services: present(found.map(({ service }) => service)),
    nodes: present(found.map(({ node }) => node)),
  };
}

export interface About {
  readonly seen: Seen;
  readonly lookup: NameLookup;
  readonly told?: Told;
  /** Where they come from elsewhere than from the bytes. */
  readonly names?: FrameNames;
  readonly headers?: Headers;
}

const NOTHING_TOLD: Told = {};

/** Headers and names are worked out when a filter first asks for them. */
export class FrameFacts {
  readonly bytes: Uint8Array;
  readonly hasLinkHeader: boolean;
  readonly seen: Seen;
  readonly told: Told;
  readonly #lookup: NameLookup;
  #headers: Headers | undefined;
  #names: FrameNames | undefined;

  constructor(bytes: Uint8Array, hasLinkHeader: boolean, { seen, lookup, told, names, headers }: About) {
    this.bytes = bytes;
    this.hasLinkHeader = hasLinkHeader;
    this.seen = seen;
    this.told = told ?? NOTHING_TOLD;
    this.#lookup = lookup;
    this.#names = names;
    this.#headers = headers;
  }

  get headers(): Headers {
    this.#headers ??= headersOf(this.bytes, this.hasLinkHeader);
    return this.#headers;
  }

  get names(): FrameNames {
    this.#names ??= namesOf(
      ADDRESS_FIELDS.flatMap((name) => this.headers.get(name) ?? []),
      this.#lookup,
    );
    return this.#names;
  }
}
