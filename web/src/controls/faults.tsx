/** Break cables, switches and machines, and mend them. */

import { useSignal } from '@preact/signals';
import type { Fault, FaultRequest } from '../api-types.js';
import { usePage, useTexts } from '../context.js';
import type { TextKey } from '../texts/language.js';

/** What the form can break. */
type Breakable = 'link' | 'switch' | 'node';

const TEXTS: Readonly<Record<Breakable, TextKey>> = {
  link: 'breakCable',
  switch: 'breakSwitch',
  node: 'breakNode',
};

const KINDS: Readonly<Record<FaultRequest['kind'], TextKey>> = {
  ...TEXTS,
  pod: 'brokenPod',
  session: 'brokenSession',
};

const subjectOf = (fault: FaultRequest): string =>
  'interface' in fault
    ? `${fault.host} ${fault.interface}`
    : 'peer' in fault
      ? `${fault.host} ${fault.peer}`
      : 'namespace' in fault
        ? `${fault.namespace}/${fault.name}`
        : fault.name;

export function Faults() {
  const page = usePage();
  const say = useTexts();
  const { value: faults } = page.faults;
  return (
    <>
      <p class="hint">{say('faultsHelp')}</p>
      <BreakForm />
      <h3>{say('broken')}</h3>
      {faults.length === 0 && <p class="hint">{say('noFaults')}</p>}
      <ul class="plain-list">
        {faults.map((one) => (
          <BrokenLine key={one.id} broken={one} />
        ))}
      </ul>
    </>
  );
}

function BrokenLine({ broken: { id, fault } }: { readonly broken: Fault }) {
  const page = usePage();
  const say = useTexts();
  return (
    <li class="row">
      <span class="verdict bad">{say(KINDS[fault.kind])}</span>
      <span class="grow">{subjectOf(fault)}</span>
      <button type="button" onClick={() => void page.mend(id)}>
        {say('mend')}
      </button>
    </li>
  );
}

/** What can break, by kind: the chosen place's first. */
function breakable(kind: Breakable, hosts: ReturnType<typeof usePage>['hosts']['value']): FaultRequest[] {
  if (kind === 'node') return hosts.map(({ name }) => ({ kind, name }));
  if (kind === 'link')
    return hosts.flatMap((host) => host.interfaces.map(({ name }) => ({ kind, host: host.name, interface: name })));
  const switches = new Set(hosts.flatMap(({ interfaces }) => interfaces.map((one) => one.switch)));
  return [...switches].toSorted().map((name) => ({ kind, name }));
}

function BreakForm() {
  const page = usePage();
  const say = useTexts();
  const kind = useSignal<Breakable>('link');
  const subject = useSignal('');
  const choices = breakable(kind.value, page.hosts.value);
  const chosen = choices.find((one) => subjectOf(one) === subject.value) ?? choices[0];
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    if (chosen !== undefined) void page.breakIt(chosen);
  };
  return (
    <form class="card" onSubmit={onSubmit}>
      <div class="kinds" role="radiogroup" aria-label={say('faultsTab')}>
        {(['link', 'switch', 'node'] as const).map((one) => (
          <button
            key={one}
            type="button"
            role="radio"
            aria-checked={kind.value === one}
            onClick={() => (kind.value = one)}
          >
            {say(TEXTS[one])}
          </button>
        ))}
      </div>
      <div class="row">
        <select
          class="grow"
          aria-label={say(TEXTS[kind.value])}
          value={chosen === undefined ? '' : subjectOf(chosen)}
          onChange={({ currentTarget: { value } }) => (subject.value = value)}
        >
          {choices.map((one) => (
            <option key={subjectOf(one)} value={subjectOf(one)}>
              {subjectOf(one)}
            </option>
          ))}
        </select>
        <button type="submit" class="danger" disabled={chosen === undefined}>
          {say('breakIt')}
        </button>
      </div>
    </form>
  );
}
