/**
 * The several selectors of a policy or a rule made into one, in the very text that upstream makes, since the
 * names of IP sets and groups are hashes of it; libcalico-go/lib/backend/syncersv1/updateprocessors:
 * rules.go, networkpolicyprocessor.go, globalnetworkpolicyprocessor.go.
 */

import { formatSelector, parseSelector, renameLabels } from './selector.js';
import type { EntityRule, Policy } from './resources.js';

const NAMESPACE = 'projectcalico.org/namespace';
const SERVICE_ACCOUNT = 'projectcalico.org/serviceaccount';
/** Labels of namespaces and service accounts reach endpoints through profiles, with these in front. */
export const NAMESPACE_LABEL_PREFIX = 'pcns.';
const SERVICE_ACCOUNT_LABEL_PREFIX = 'pcsa.';

const prefixed = (selector: string, prefix: string): string =>
  formatSelector(renameLabels(parseSelector(selector).root, (label) => prefix + label));

const conjoin = (selector: string, more: string): string => (selector === '' ? more : `(${selector}) && ${more}`);

function globalSelector({ selector, namespaceSelector, serviceAccountSelector }: Policy): string {
  let text = selector;
  // The replacements run over the whole text, as upstream's do.
  if (namespaceSelector !== '') {
    text = conjoin(text, prefixed(namespaceSelector, NAMESPACE_LABEL_PREFIX)).replaceAll('all()', `has(${NAMESPACE})`);
  }
  if (serviceAccountSelector !== '') {
    const accounts = prefixed(serviceAccountSelector, SERVICE_ACCOUNT_LABEL_PREFIX);
    text = conjoin(text, accounts).replaceAll('all()', `has(${SERVICE_ACCOUNT})`);
  }
  return text;
}

/** Which endpoints a policy applies to. Throws SelectorError. */
export function policySelector(policy: Policy): string {
  const { namespace } = policy.id;
  if (namespace === '') return globalSelector(policy);
  const own = conjoin(policy.selector, `${NAMESPACE} == '${namespace}'`);
  const { serviceAccountSelector } = policy;
  return serviceAccountSelector === ''
    ? own
    : conjoin(own, prefixed(serviceAccountSelector, SERVICE_ACCOUNT_LABEL_PREFIX));
}

function serviceAccountSelector({ names, selector }: NonNullable<EntityRule['serviceAccounts']>): string {
  const labels = selector === '' ? '' : prefixed(selector, SERVICE_ACCOUNT_LABEL_PREFIX);
  if (names.length === 0) return labels;
  const listed = parseSelector(`${SERVICE_ACCOUNT} in { '${names.join("', '")}' }`).text;
  return labels === '' ? listed : `(${labels}) && (${listed})`;
}

/** Namespaces that a rule's selectors are about; '' for no limit. */
function namespaces({ namespaceSelector }: EntityRule, namespace: string): string {
  if (namespaceSelector !== '') {
    return prefixed(namespaceSelector, NAMESPACE_LABEL_PREFIX)
      .replaceAll('all()', `has(${NAMESPACE})`)
      .replaceAll('global()', `!has(${NAMESPACE})`);
  }
  return namespace === '' ? '' : `${NAMESPACE} == '${namespace}'`;
}

/**
 * Endpoints and network sets that one side of a rule is about; '' for no limit. A namespaced policy means its
 * own namespace as soon as anything is selected, be it by notSelector. Throws SelectorError.
 */
export function entitySelector(entity: EntityRule, namespace: string): string {
  const accounts = entity.serviceAccounts === undefined ? '' : serviceAccountSelector(entity.serviceAccounts);
  const parts = [accounts, entity.selector].filter((part) => part !== '');
  const selector = parts.length > 1 ? `(${parts.join(') && (')})` : (parts[0] ?? '');
  const within = namespaces(entity, namespace);
  const selects = selector !== '' || entity.notSelector !== '' || entity.namespaceSelector !== '';
  if (within === '' || !selects) return selector;
  return selector === '' ? within : `(${within}) && (${selector})`;
}
