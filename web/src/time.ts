/** Virtual time, as every view of the page writes it, so that one can be held against another. */

/** `12.000560`: seconds to the microsecond, as in tcpdump's lines. */
export const secondsText = (ns: number): string => (ns / 1e9).toFixed(6);
