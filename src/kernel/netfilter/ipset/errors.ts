/** What `ipset` says when it refuses: its own words, which name no errno. */

/** The sentence after `ipset v7.17: `. */
export class IpsetError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'IpsetError';
  }
}

/** What the kernel refuses, not the tool. */
export class IpsetKernelError extends IpsetError {
  constructor(message: string) {
    super(message);
    this.name = 'IpsetKernelError';
  }
}

/** ipset's lib/errcode.c, as far as sets here can fail. */
export const IPSET_ERROR = {
  noSet: 'The set with the given name does not exist',
  exists: 'Set cannot be created: set with the same name already exists',
  inUse: 'Set cannot be destroyed: it is in use by a kernel component',
  renameInUse: 'Set cannot be renamed: it is in use by another system',
  renameExists: 'Set cannot be renamed: a set with the new name already exists',
  swapNoSecond: 'Sets cannot be swapped: the second set does not exist',
  swapType: 'The sets cannot be swapped: their type does not match',
  elementExists: "Element cannot be added to the set: it's already added",
  elementMissing: "Element cannot be deleted from the set: it's not added",
  full: 'Hash is full, cannot add more elements',
  listFull: 'The set is full, more elements cannot be added',
  nullElement: 'Null-valued element, cannot be stored in a hash type of set',
  invalid: 'Kernel error received: Invalid argument',
  outOfRange: 'Element is out of the range of the set',
  cidr: 'The value of the CIDR parameter of the IP address is invalid',
  rangeTooLarge: 'The range you specified exceeds the size limit of the set type',
  noTimeout: 'Timeout cannot be used: set was created without timeout support',
  noCounters: 'Packet/byte counters cannot be used: set was created without counter support',
  noComment: 'Comment cannot be used: set was created without comment support',
  noSkbinfo: 'Skbinfo mapping cannot be used: set was created without skbinfo support',
  memberNoSet: 'Set to be added/deleted/tested as element does not exist.',
  memberLoop: 'Sets with list:set type cannot be added to the set.',
  noReference: 'No reference set specified.',
  referenceMissing: 'The reference set is not in the list set',
} as const;

export const fail = (which: keyof typeof IPSET_ERROR): never => {
  throw new IpsetKernelError(IPSET_ERROR[which]);
};

export const syntax = (message: string): never => {
  throw new IpsetError(`Syntax error: ${message}`);
};
