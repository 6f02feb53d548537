/** What keys and values of labels may look like (k8s.io/apimachinery/pkg/util/validation). */

const NAME = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const MAX_NAME = 63;
const MAX_SUBDOMAIN = 253;

const isName = (text: string): boolean => text.length <= MAX_NAME && NAME.test(text);

/** IsQualifiedName(): `app`, `app.kubernetes.io/name`. */
export function isLabelKey(key: string): boolean {
  const [first = '', second, ...more] = key.split('/');
  if (second === undefined) return isName(first);
  return more.length === 0 && first.length <= MAX_SUBDOMAIN && SUBDOMAIN.test(first) && isName(second);
}

/** IsValidLabelValue(). */
export const isLabelValue = (value: string): boolean => value === '' || isName(value);

export const LABEL_KEY_WANT = 'a label’s key, such as app or app.kubernetes.io/name';
export const LABEL_VALUE_WANT = 'a label’s value, of at most 63 letters, digits, "-", "_" and "."';
