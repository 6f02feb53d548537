/** Counters that rules count into: a real kernel wants them before the rules (nfacct(8), which few machines have). */

import type { IptablesTableState } from '../../kernel/index.js';

/**
 * `nfacct add NAME...` by python: NFNL_MSG_ACCT_NEW with the attribute NFACCT_NAME to NETLINK_NETFILTER
 * (include/uapi/linux/netfilter/nfnetlink_acct.h).
 */
export const NFACCT_ADD = `
import socket, struct, sys
sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
for name in sys.argv[1:]:
    value = name.encode() + b"\\0"
    attribute = struct.pack("HH", 4 + len(value), 1) + value
    attribute += b"\\0" * (-len(attribute) % 4)
    body = struct.pack("BBH", 0, 0, 0) + attribute
    sock.send(struct.pack("IHHII", 16 + len(body), 7 << 8, 0x405, 1, 0) + body)
    error = -struct.unpack("i", sock.recv(4096)[16:20])[0]
    if error not in (0, 17):
        sys.exit(f"{name}: error {error}")
`;

/** Those that some rule names, each once. */
export function counterNames(tables: readonly IptablesTableState[]): readonly string[] {
  const texts = tables.flatMap(({ chains }) => chains.flatMap(({ rules }) => rules.map(({ text }) => text)));
  const names = texts.flatMap((text) => [...text.matchAll(/--nfacct-name\s+(\S+)/g)].map(([, name = '']) => name));
  return [...new Set(names)];
}
