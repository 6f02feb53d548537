/** Names of DSCP values that Calico knows (RFC 2474, 2597, 3246); api/pkg/lib/numorstring/dscp.go. */
const NAMES: Readonly<Record<string, number>> = {
  DF: 0,
  EF: 46,
  ...Object.fromEntries(
    [1, 2, 3, 4].flatMap((group) => [1, 2, 3].map((drop) => [`AF${group}${drop}`, 8 * group + 2 * drop] as const)),
  ),
  ...Object.fromEntries([0, 1, 2, 3, 4, 5, 6].map((selector) => [`CS${selector}`, 8 * selector] as const)),
};

const HIGHEST = 63;

/** A number or a name, or undefined. */
export function parseDscp(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text) <= HIGHEST ? Number(text) : undefined;
  const name = text.trim().toUpperCase();
  return Object.hasOwn(NAMES, name) ? NAMES[name] : undefined;
}
