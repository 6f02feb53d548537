/** A cluster whose routing daemons run: what the library gives its users. */

import { Cluster, type RouteEvent, type RoutingChange } from '../cluster/index.js';
import { birdRouting } from './bird-routing.js';

export class RoutedCluster extends Cluster {
  constructor(...given: ConstructorParameters<typeof Cluster>) {
    super(...given);
    this.bringRouting(birdRouting);
  }

  /**
   * After objects have changed, or what is programmed on a machine: confd writes anew, BIRD reads what was written,
   * sessions end and begin, and tables of machines follow. Faults and the passing of time need no call.
   */
  reconverge(changes: readonly RoutingChange[]): readonly RouteEvent[] {
    return this.routing?.reconverge(changes) ?? [];
  }
}
