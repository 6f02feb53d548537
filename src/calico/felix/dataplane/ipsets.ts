/** One of Felix' IP sets, by difference; felix/ipsets/ipsets.go:tryUpdates(). */

import type { IpsetTable } from '../../../kernel/index.js';
import { ipsetOptions } from '../format.js';
import type { FelixIpset } from '../state.js';

/** Members as the set itself prints them: a network of one address has no length there. */
const plain = (member: string): string => member.replace(/\/32(?=,|$)/, '');

/** Makes what is missing, takes away what is too much; what stays is not touched. */
export function applyIpset(ipsets: IpsetTable, wanted: FelixIpset): void {
  const { name, members, because } = wanted;
  ipsets.restore(`create ${name} ${ipsetOptions(wanted)}\n`, { exist: true, because });
  const set = ipsets.get(name);
  if (set === undefined) return;
  set.because = because;
  const held = new Set(set.members().map(plain));
  const missing = members.filter((member) => !held.delete(plain(member)));
  const lines = [
    ...[...held].map((member) => `del ${name} ${member}\n`),
    ...missing.map((member) => `add ${name} ${member}\n`),
  ];
  ipsets.restore(lines.join(''), { exist: true });
}
