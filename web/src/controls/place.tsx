/** A machine or a pod that was chosen: its addresses, interfaces, pods, and what can be done there. */

import { useSignal, useSignalEffect } from '@preact/signals';
import type { Host, Pod } from '../api-types.js';
import { usePage, useTexts } from '../context.js';
import type { HostState, NetnsState } from '../host-state.js';
import { brokenBy } from '../picture/broken.js';
import { placeOf, placeOfPod } from '../state/names.js';

export function Place() {
  const page = usePage();
  const say = useTexts();
  const { value: place } = page.place;
  const pod = page.pods.value.find((one) => placeOfPod(one) === place);
  const host = page.hosts.value.find((one) => placeOf(one) === place);
  return (
    <>
      <PlaceChoice />
      {pod !== undefined && <PodCard pod={pod} />}
      {host !== undefined && <HostCard host={host} />}
      {pod === undefined && host === undefined && <p class="hint">{say('choosePlace')}</p>}
    </>
  );
}

function PlaceChoice() {
  const page = usePage();
  const say = useTexts();
  return (
    <label class="field">
      <span>{say('places')}</span>
      <select
        value={page.place.value ?? ''}
        onChange={({ currentTarget: { value } }) => page.select(value || undefined)}
      >
        <option value="">{say('noPlace')}</option>
        {[...page.hosts.value.map(placeOf), ...page.pods.value.map(placeOfPod)].map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>
    </label>
  );
}

function Actions({ place }: { readonly place: string }) {
  const page = usePage();
  const say = useTexts();
  return (
    <div class="row wrap">
      <button type="button" onClick={() => (page.sender.value = { ...page.sender.value, from: place })}>
        {say('sendFrom')}
      </button>
      <button type="button" onClick={() => (page.sender.value = { ...page.sender.value, to: place })}>
        {say('sendTo')}
      </button>
      <button type="button" onClick={() => (page.terminalTarget.value = place)}>
        {say('openTerminal')}
      </button>
    </div>
  );
}

function PodCard({ pod }: { readonly pod: Pod }) {
  const page = usePage();
  const say = useTexts();
  return (
    <section class="card">
      <h3>
        {pod.name} <small>{pod.namespace}</small>{' '}
        {brokenBy(page.faults.value).brokenPods.has(placeOfPod(pod)) && (
          <span class="verdict bad">{say('broken')}</span>
        )}
      </h3>
      <dl>
        <dt>{say('addresses')}</dt>
        <dd class="mono">{pod.addresses.join(' ') || '–'}</dd>
        <dt>{say('node')}</dt>
        <dd>
          <button type="button" class="line" onClick={() => page.select(`node/${pod.node}`)}>
            {pod.node}
          </button>
        </dd>
        <dt>{say('labels')}</dt>
        <dd class="mono">
          {Object.entries(pod.labels).map(([name, value]) => (
            <span key={name} class="tag">
              {name}={value}
            </span>
          ))}
        </dd>
      </dl>
      <Actions place={placeOfPod(pod)} />
    </section>
  );
}

function HostCard({ host }: { readonly host: Host }) {
  const page = usePage();
  const say = useTexts();
  const pods = page.pods.value.filter(({ node }) => node === host.name);
  return (
    <section class="card">
      <h3>
        {host.name} <small>{host.role}</small> {host.off && <span class="verdict bad">{say('broken')}</span>}
      </h3>
      <table class="plain-table">
        <tbody>
          {host.interfaces.map(({ name, address = '', prefixLength, subnet, mtu }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="mono">{address && `${address}/${prefixLength}`}</td>
              <td>{subnet}</td>
              <td>mtu {mtu}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <Actions place={placeOf(host)} />
      {pods.length > 0 && <h4>{say('podsHere')}</h4>}
      <ul class="plain-list tight">
        {pods.map((pod) => (
          <li key={placeOfPod(pod)}>
            <button type="button" class="line" onClick={() => page.select(placeOfPod(pod))}>
              {pod.namespace}/{pod.name} <small class="mono">{pod.addresses[0]}</small>
            </button>
          </li>
        ))}
      </ul>
      <Programmed host={host} />
    </section>
  );
}

/** Read on request: a machine that nobody has asked for is built then. */
function Programmed({ host }: { readonly host: Host }) {
  const page = usePage();
  const say = useTexts();
  const state = useSignal<HostState | undefined>(undefined);
  useSignalEffect(() => {
    // Of another machine, or of before a change.
    if (page.place.value !== undefined || page.pods.value.length > 0) state.value = undefined;
  });
  const read = (): void =>
    void page.attemptHere(
      'read',
      (cluster) => page.api.hostState(cluster, host.name),
      (found) => (state.value = found),
    );
  const own = state.value?.name === host.name ? state.value.netns.find(({ name }) => name === '') : undefined;
  return own === undefined ? (
    <button type="button" onClick={read}>
      {say('readState')}
    </button>
  ) : (
    <ProgrammedState state={own} />
  );
}

function ProgrammedState({ state }: { readonly state: NetnsState }) {
  const say = useTexts();
  return (
    <>
      <h4>{say('interfaces')}</h4>
      <table class="plain-table links">
        <tbody>
          {state.links.map(({ name, kind, mtu, up, because }) => (
            <tr key={name} class={up ? '' : 'bad'}>
              <th scope="row">
                {name}
                <small>{because.map(({ kind: object, name: own }) => `${object} ${own}`).join('; ')}</small>
              </th>
              <td>{kind}</td>
              <td>mtu {mtu}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <h4>{say('routes')}</h4>
      <table class="plain-table mono">
        <tbody>
          {state.routes.map(({ type, destination, nextHops }, i) => (
            <tr key={`${destination}-${i}`}>
              <th scope="row">{destination}</th>
              <td>
                {type === 'unicast'
                  ? nextHops.map(({ dev = '', via = '' }) => `${via && `via ${via} `}dev ${dev}`).join(', ')
                  : type}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
