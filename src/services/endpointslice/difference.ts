/** Whether EndpointSlices in the input say what the controller would say of the pods in the input. */

import { type EndpointSlice, type Finding, finding, formatIp, type Service } from '../../kubernetes/index.js';

/** `10.0.0.1:80/TCP (ready)` of every endpoint and port, the port's name with it. */
function statements(slices: readonly EndpointSlice[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { endpoints, ports } of slices) {
    for (const { addresses, conditions } of endpoints) {
      const { ready, serving, terminating } = conditions;
      const state = [
        ready ? 'ready' : 'not ready',
        ...(terminating ? [serving ? 'terminating, serving' : 'terminating'] : []),
      ];
      for (const address of addresses) {
        for (const { name, protocol, port } of ports) {
          const named = name === '' ? '' : ` ${name}`;
          found.set(`${formatIp(address)}:${port ?? '*'}/${protocol}${named}`, state.join(', '));
        }
      }
    }
  }
  return found;
}

const MAX_TOLD = 3;
const list = (texts: readonly string[]): string =>
  texts.length <= MAX_TOLD
    ? texts.join(', ')
    : `${texts.slice(0, MAX_TOLD).join(', ')} and ${texts.length - MAX_TOLD} more`;

/** The input's slices are what counts. */
export function differences(
  service: Service,
  given: readonly EndpointSlice[],
  derived: readonly EndpointSlice[],
): readonly Finding[] {
  const [said, expected] = [statements(given), statements(derived)];
  const missing = [...expected.keys()].filter((key) => !said.has(key));
  const extra = [...said.keys()].filter((key) => !expected.has(key));
  const other = [...said]
    .filter(([key, state]) => (expected.get(key) ?? state) !== state)
    .map(([key, state]) => `${key} (${state}, its pod is ${expected.get(key) ?? ''})`);
  const parts = [
    ...(missing.length === 0 ? [] : [`lack ${list(missing)}`]),
    ...(extra.length === 0 ? [] : [`have ${list(extra)}, which no pod here stands behind`]),
    ...(other.length === 0 ? [] : [`differ on ${list(other)}`]),
  ];
  const [slice] = given;
  if (parts.length === 0 || slice === undefined) return [];
  const message = `the EndpointSlices of Service ${service.namespace}/${service.name} are not what its pods would give: they ${parts.join('; they ')}. The slices count`;
  return [finding(slice, ['endpoints'], { code: 'endpoints-differ', severity: 'warning', message })];
}
