/** The protocol that a configuration asks for (nest/proto.c: proto_init()). */

import type { Cause } from '../trace/index.js';
import type { ProtocolConfig } from './config/types.js';
import { BfdProtocol } from './protocols/bfd.js';
import { BgpProtocol } from './protocols/bgp.js';
import { BgpRangeProtocol, type RangeContext } from './protocols/bgp-range.js';
import { DeviceProtocol } from './protocols/device.js';
import { DirectProtocol } from './protocols/direct.js';
import { KernelProtocol } from './protocols/kernel.js';
import { netnsProgrammer } from './protocols/kernel-routes.js';
import { PipeProtocol } from './protocols/pipe.js';
import type { Protocol } from './protocols/protocol.js';
import { StaticProtocol } from './protocols/static.js';
import type { Route } from './rib/route.js';
import type { Router } from './router.js';

export interface MakingContext extends RangeContext {
  /** What programmed routes come from. */
  readonly becauseOf: (route: Route) => readonly Cause[];
}

export function makeProtocol(router: Router, config: ProtocolConfig, context: MakingContext): Protocol {
  switch (config.kind) {
    case 'device':
      return new DeviceProtocol(router, config);
    case 'bfd':
      return new BfdProtocol(router, config);
    case 'direct':
      return new DirectProtocol(router, config);
    case 'static':
      return new StaticProtocol(router, config);
    case 'kernel':
      return new KernelProtocol(router, config, netnsProgrammer(router.netns, context.becauseOf));
    case 'pipe':
      return new PipeProtocol(router, config);
    case 'bgp':
      return new BgpProtocol(router, config, context.listeners);
    case 'bgp-range':
      return new BgpRangeProtocol(router, config, context);
  }
}
