/** What sockets ask of the namespace they live in. `Netns` satisfies it; a test may join two by hand. */

import type { Ipv4Addr } from '../../packet/index.js';
import type { DropReason, Step } from '../../trace/index.js';
import type { Device } from '../device.js';
import type { Emulation } from '../emulation.js';
import type { Errno } from '../errors.js';
import type { Flow4, RouteResult } from '../fib/types.js';
import type { Host } from '../host.js';
import type { EchoedOptions } from '../ipv4/options.js';
import type { SendRequest } from '../ipv4/output.js';
import type { Mib } from '../mib.js';
import type { Skb } from '../skb.js';
import type { Sysctls } from '../sysctl.js';
import type { SocketTable } from './socket-table.js';

export interface SocketNetns {
  readonly emulation: Emulation;
  readonly host: Pick<Host, 'hasModule' | 'loadModule'>;
  readonly devices: Iterable<{ readonly addresses: readonly { readonly address: Ipv4Addr }[] }>;
  readonly sysctl: Sysctls;
  readonly mib: Mib;
  readonly sockets: SocketTable;
  readonly fib: { addressType(address: Ipv4Addr, dev?: Device): string };
  readonly ipv4: {
    route(flow: Flow4): RouteResult | Errno;
    send(skb: Skb, request: SendRequest): Errno | undefined;
    echoedOptions(skb: Skb): EchoedOptions | 'invalid' | undefined;
  };
  trace(skb: Skb, step: Step): void;
  drop(skb: Skb, reason: DropReason, note?: string): void;
}
