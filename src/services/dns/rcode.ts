/** Response codes by the names that Corefiles and `dig` use (RFC 1035 §4.1.1, RFC 2136, RFC 6895). */

const NAMES = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
  'YXDOMAIN',
  'YXRRSET',
  'NXRRSET',
  'NOTAUTH',
  'NOTZONE',
] as const;

/** BADVERS (RFC 6891 §9): its upper bits stand in the OPT record. */
export const BAD_VERSION = 16;

export const rcodeNumber = (name: string): number | undefined => {
  const number = NAMES.findIndex((one) => one === name.toUpperCase());
  return number < 0 ? undefined : number;
};

export const rcodeName = (rcode: number): string =>
  NAMES[rcode] ?? (rcode === BAD_VERSION ? 'BADVERS' : `RESERVED${rcode}`);
