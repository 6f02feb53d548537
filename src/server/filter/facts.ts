/** What is known of one frame, or of one step of a packet, while a filter looks at it. */

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
  readonly dropReason?: string;
  readonly verdict?: string;
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

/** Headers and names are worked out when a filter first asks for them. */
export class FrameFacts {
  readonly bytes: Uint8Array;
  readonly hasLinkHeader: boolean;
  readonly seen: Seen;
  readonly #lookup: NameLookup;
  #headers: Headers | undefined = undefined;
  #names: FrameNames | undefined;

  constructor(
    bytes: Uint8Array,
    hasLinkHeader: boolean,
    about: { readonly seen: Seen; readonly lookup: NameLookup; readonly names?: FrameNames },
  ) {
    this.bytes = bytes;
    this.hasLinkHeader = hasLinkHeader;
    this.seen = about.seen;
    this.#lookup = about.lookup;
    this.#names = about.names;
  }

  get headers(): Headers {
    this.#headers ??= headersOf(this.bytes, this.hasLinkHeader);
    return this.#headers;
  }

  get names(): FrameNames {
    this.#names ??= this.#findNames();
    return this.#names;
  }

  #findNames(): FrameNames {
    const addresses = ADDRESS_FIELDS.flatMap((name) => this.headers.get(name) ?? []);
    const found = addresses.map((address) => this.#lookup(address)).filter((names) => names !== undefined);
    return {
      pods: present(found.map(({ pod }) => pod)),
      namespaces: present(found.map(({ namespace }) => namespace)),
      services: present(found.map(({ service }) => service)),
      nodes: present(found.map(({ node }) => node)),
    };
  }
}
