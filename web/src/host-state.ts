/** What the page reads of a machine's programmed state (`/hosts/NAME/state`). */

import type { Cause } from './trace-document.js';

export interface Link {
  readonly name: string;
  readonly kind: string;
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  readonly because: readonly Cause[];
  readonly vxlan?: { readonly vni: number; readonly local: string };
}

export interface NetnsState {
  /** Empty for the machine's own. */
  readonly name: string;
  readonly links: readonly Link[];
  readonly addresses: readonly { readonly dev: string; readonly address: string; readonly prefixLength: number }[];
  readonly routes: readonly {
    readonly type: string;
    readonly destination: string;
    readonly nextHops: readonly { readonly dev?: string; readonly via?: string }[];
  }[];
  readonly neighbours: readonly { readonly dev: string; readonly address: string; readonly mac?: string }[];
  readonly fdb?: readonly { readonly dev: string; readonly mac: string; readonly remote?: string }[];
}

export interface HostState {
  readonly name: string;
  readonly netns: readonly NetnsState[];
}
