/** The cases of vectors/calico/e2e: whole clusters, each node with what upstream's Felix programmed for IPv4. */

import { hasVector, listVectors } from './vectors.js';

const NODE_OF = /^expected-(.+)-iptables\.json$/;

/** Each case with each node that upstream's answer is there for. */
export const e2eNodes = (): { readonly name: string; readonly node: string }[] =>
  listVectors('e2e')
    .filter((name) => hasVector(`e2e/${name}/input.yaml`))
    .flatMap((name) =>
      listVectors(`e2e/${name}`).flatMap((file) => {
        const node = NODE_OF.exec(file)?.[1];
        return node === undefined ? [] : [{ name, node }];
      }),
    );

/** What is not programmed here, by the names of the files that hold it. */
export const E2E_LEFT_OUT: readonly { readonly files: RegExp; readonly because: string }[] = [
  { files: /-nft-list6?\.txt$|-nftables\.json$/, because: 'nftables mode is not modelled' },
  { files: /-ip6tables-save\.txt$|-ipset-save6\.txt$/, because: 'IPv6 is not programmed yet' },
];
