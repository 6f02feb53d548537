/** Names that the API server and the controllers make (k8s.io/apiserver/pkg/storage/names, k8s.io/apimachinery/pkg/util/rand). */

import { fnv1a, Random } from './seeded.js';

/** No vowels and no 0, 1 or 3: no words and nothing to be misread (rand.go:alphanums). */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
/** generate.go:MaxGeneratedNameLength, of 63 less the suffix. */
const MAX_BASE_LENGTH = 63 - SUFFIX_LENGTH;

/** rand.go:String(). */
function randomString(random: Random, length: number): string {
  let text = '';
  for (let i = 0; i < length; i++) text += ALPHABET.charAt(random.int(ALPHABET.length));
  return text;
}

/** rand.go:SafeEncodeString(): each character by its place in the alphabet. */
export const safeEncode = (text: string): string =>
  text.replace(/./g, (char) => ALPHABET.charAt(char.charCodeAt(0) % ALPHABET.length));

export const seededSuffix = (seed: number, purpose: string): string =>
  randomString(Random.for(seed, purpose), SUFFIX_LENGTH);

/** generate.go:GenerateName(): `base` and five characters, not yet taken. */
export function generateName(base: string, random: Random, taken: (name: string) => boolean): string {
  const prefix = base.slice(0, MAX_BASE_LENGTH);
  for (;;) {
    const name = prefix + randomString(random, SUFFIX_LENGTH);
    if (!taken(name)) return name;
  }
}

/**
 * The pod-template-hash, and what else ends a generated name in a hash: decimal FNV-1a, safely encoded, as
 * pkg/controller/controller_utils.go:ComputeHash() does.
 * Differs: Kubernetes hashes Go's own dump of the template; here it is the seed and the template's text,
 * so that the hash is as stable and as changing, but not the same as in a real cluster.
 */
export const templateHash = (seed: number, text: string): string => safeEncode(String(fnv1a(`${seed}/${text}`)));

const HEX = '0123456789abcdef';

/** A version 4 UUID (RFC 9562 §5.4) of the seed. */
export function seededUuid(seed: number, purpose: string): string {
  const random = Random.for(seed, `uid/${purpose}`);
  return 'xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx'.replace(/[xy]/g, (char) =>
    HEX.charAt(char === 'x' ? random.int(16) : 8 + random.int(4)),
  );
}
