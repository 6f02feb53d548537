/** A cluster whose routing daemons run: what the library gives its users. */

import { Cluster } from '../cluster/index.js';
import { birdRouting } from './bird-routing.js';

export class RoutedCluster extends Cluster {
  constructor(...given: ConstructorParameters<typeof Cluster>) {
    super(...given);
    this.bringRouting(birdRouting);
  }
}
