/** How a proxier tells traffic of its pods from other traffic (pkg/proxy/util/localdetector.go). */

import { type Cidr, formatCidr } from '../../kubernetes/index.js';

export interface LocalDetector {
  /** ` -s 10.244.0.0/16`: words of a rule that matches what comes from pods. */
  readonly ifLocal: string;
  readonly ifNotLocal: string;
}

export const detectByCidr = (cidr: Cidr): LocalDetector => {
  const text = formatCidr(cidr);
  return { ifLocal: `-s ${text}`, ifNotLocal: `! -s ${text}` };
};

export const detectByBridge = (name: string): LocalDetector => ({ ifLocal: `-i ${name}`, ifNotLocal: `! -i ${name}` });

export const detectByInterfacePrefix = (prefix: string): LocalDetector => ({
  ifLocal: `-i ${prefix}+`,
  ifNotLocal: `! -i ${prefix}+`,
});
