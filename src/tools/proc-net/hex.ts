/** Numbers as files of /proc print them. */

/** An address as its octets lie in memory, which begins with the last for who reads a number. */
export const littleEndian = (address: number): string =>
  [0, 8, 16, 24].map((shift) => ((address >>> shift) & 0xff).toString(16).padStart(2, '0').toUpperCase()).join('');
