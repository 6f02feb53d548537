/** Domain names as text: without the final dot, the root is `.`; letters compare without their case (RFC 4343). */

/** How a name is compared. */
export const canonical = (name: string): string => {
  const bare = name.length > 1 && name.endsWith('.') ? name.slice(0, -1) : name;
  return bare === '' ? '.' : bare.toLowerCase();
};

/** As plugins that work on text have it: with the final dot. */
export const dotted = (name: string): string => (name.endsWith('.') ? name : `${name}.`);

/** Back from `dotted()`. */
export const undotted = (name: string): string => (name.length > 1 && name.endsWith('.') ? name.slice(0, -1) : name);

/** Whether `name` is `zone` or below it. */
export function isBelow(zone: string, name: string): boolean {
  if (zone === '.') return true;
  const below = name.toLowerCase();
  const above = zone.toLowerCase();
  return below === above || below.endsWith(`.${above}`);
}

/** The most specific of the zones that hold the name (plugin/normalize.go:Zones.Matches()). */
export function matchZone(zones: readonly string[], name: string): string | undefined {
  let best: string | undefined;
  for (const zone of zones) if (isBelow(zone, name) && (best === undefined || zone.length > best.length)) best = zone;
  return best;
}

/** What stands before the zone, without the dot between; empty for the zone itself. */
export function relativeTo(name: string, zone: string): string {
  if (zone === '.') return name === '.' ? '' : name;
  return name.length === zone.length ? '' : name.slice(0, name.length - zone.length - 1);
}

export const join = (...labels: readonly string[]): string =>
  labels.filter((one) => one !== '.' && one !== '').join('.');
