/** Addresses with a port, as a BGPPeer's peerIP has them. */

/** net.SplitHostPort(): brackets around IPv6, and no port where there is none. */
export function splitHostPort(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3] ?? 0);
  if (match === null || port > 65_535) return { host: text, port: 0 };
  return { host: match[1] ?? match[2] ?? '', port };
}
