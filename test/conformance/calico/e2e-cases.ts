/** The cases of vectors/calico/e2e that need no policy. */

import { listVectors } from './vectors.js';

const NAMES = [
  'nopolicy-noencap',
  'nopolicy-noencap-felixdefaults',
  'vxlan-always',
  'vxlan-crosssubnet',
  'no-natoutgoing',
  'ipip-always',
  'ipip-crosssubnet',
  'ipip-crosssubnet-felix-routes',
  'noencap-felix-routes',
];

const NODE_OF = /^expected-(.+)-iptables\.json$/;

/** Each case with each node that upstream's answer is there for. */
export const nodesWithoutPolicy = (): { readonly name: string; readonly node: string }[] =>
  NAMES.flatMap((name) =>
    listVectors(`e2e/${name}`).flatMap((file) => {
      const node = NODE_OF.exec(file)?.[1];
      return node === undefined ? [] : [{ name, node }];
    }),
  );
