/** Ethernet MAC addresses (IEEE 802 EUI-48) as values: one integer below 2^48. */

declare const macBrand: unique symbol;

/** A whole number from 0 to 2^48 - 1, first octet most significant. */
export type Mac = number & { readonly [macBrand]: true };

const TWO_32 = 0x1_0000_0000;

/** Brands an integer as a MAC address. */
export const mac = (value: number): Mac => value as Mac;

export const MAC_ZERO: Mac = mac(0);
export const MAC_BROADCAST: Mac = mac(0xffff_ffff_ffff);

/** From the first two octets and the last four. */
export const macFromParts = (high16: number, low32: number): Mac => mac((high16 & 0xffff) * TWO_32 + (low32 >>> 0));
/** The first two octets. */
export const macHigh16 = (value: Mac): number => Math.floor(value / TWO_32);
/** The last four octets as a signed integer. */
export const macLow32 = (value: Mac): number => value | 0;

/** The group bit (I/G) of the first octet; true for broadcast too. */
export const isGroupMac = (value: Mac): boolean => ((macHigh16(value) >>> 8) & 1) === 1;

const MAC_TEXT = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

/** `aa:bb:cc:dd:ee:ff`, or undefined. */
export const parseMac = (text: string): Mac | undefined =>
  MAC_TEXT.test(text) ? mac(Number.parseInt(text.replaceAll(':', ''), 16)) : undefined;

export function formatMac(value: Mac): string {
  const digits = value.toString(16).padStart(12, '0');
  let text = digits.slice(0, 2);
  for (let at = 2; at < digits.length; at += 2) text += `:${digits.slice(at, at + 2)}`;
  return text;
}
