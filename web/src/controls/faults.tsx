/** Break cables, switches, machines, pods and BGP sessions, and mend them. */

import { type Signal, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { AnyFault, Fault } from '../api-types.js';
import { usePage, useTexts } from '../context.js';
import { readTies, type Tie } from '../picture/ties.js';
import { shortName } from '../state/names.js';
import type { PageState } from '../state/page.js';
import type { TextKey } from '../texts/language.js';
import { RadioGroup } from './radio-group.js';

const TEXTS: Readonly<Record<AnyFault['kind'], TextKey>> = {
  link: 'breakCable',
  switch: 'breakSwitch',
  node: 'breakNode',
  pod: 'brokenPod',
  session: 'brokenSession',
};
const KINDS = Object.keys(TEXTS) as AnyFault['kind'][];

function subjectOf(fault: AnyFault): string {
  if (fault.kind === 'link') return `${fault.host} ${fault.interface}`;
  if (fault.kind === 'session') return `${fault.host} ${fault.peer}`;
  return fault.kind === 'pod' ? `${fault.namespace}/${fault.name}` : fault.name;
}

export function Faults() {
  const page = usePage();
  const say = useTexts();
  const { value: faults } = page.faults;
  const list = useRef<HTMLUListElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const mended = useRef(-1);
  useEffect(() => {
    // The line that had the focus has gone: the next one has it.
    if (mended.current < 0 || document.activeElement !== document.body) return;
    const buttons = [...(list.current?.querySelectorAll('button') ?? [])];
    (buttons[mended.current] ?? buttons.at(-1) ?? heading.current)?.focus();
    mended.current = -1;
  }, [faults]);
  return (
    <>
      <p class="hint">{say('faultsHelp')}</p>
      <BreakForm />
      <h3 ref={heading} tabIndex={-1}>
        {say('broken')}
      </h3>
      {faults.length === 0 && <p class="hint">{say('noFaults')}</p>}
      <ul class="plain-list" ref={list}>
        {faults.map((one, i) => (
          <BrokenLine key={one.id} broken={one} onMend={() => (mended.current = i)} />
        ))}
      </ul>
    </>
  );
}

function BrokenLine({ broken: { id, fault }, onMend }: { readonly broken: Fault; readonly onMend: () => void }) {
  const page = usePage();
  const say = useTexts();
  return (
    <li class="row">
      <span class="verdict bad">{say(TEXTS[fault.kind])}</span>
      <span class="grow">{subjectOf(fault)}</span>
      <button
        type="button"
        onClick={() => {
          onMend();
          void page.mend(id);
        }}
      >
        {say('mend')}
      </button>
    </li>
  );
}

/** What can break, by kind; sessions are told by the machines themselves. */
function breakable(kind: AnyFault['kind'], page: PageState, sessions: readonly AnyFault[]): readonly AnyFault[] {
  const { value: hosts } = page.hosts;
  if (kind === 'session') return sessions;
  if (kind === 'pod') return page.pods.value.map(({ namespace, name }) => ({ kind, namespace, name }));
  if (kind === 'node') return hosts.map(({ name }) => ({ kind, name }));
  if (kind === 'link')
    return hosts.flatMap((host) => host.interfaces.map(({ name }) => ({ kind, host: host.name, interface: name })));
  const switches = new Set(hosts.flatMap(({ interfaces }) => interfaces.map((one) => one.switch)));
  return [...switches].toSorted().map((name) => ({ kind, name }));
}

/** BGP sessions of the cluster, read when they are asked for; undefined until they are there. */
function useSessions(kind: Signal<AnyFault['kind']>): Signal<readonly AnyFault[] | undefined> {
  const page = usePage();
  const sessions = useSignal<readonly AnyFault[] | undefined>(undefined);
  useSignalEffect(() => {
    if (kind.value !== 'session') return;
    void readTies(page.api, page.current.value ?? '', { hosts: page.hosts.value, place: page.place.value })
      .then((ties) => (sessions.value = ties.sessions.map(sessionFault)))
      .catch(() => undefined);
  });
  return sessions;
}

/** A session by its two machines. */
const sessionFault = ({ from, to }: Tie): AnyFault => ({ kind: 'session', host: shortName(from), peer: shortName(to) });

function BreakForm() {
  const page = usePage();
  const say = useTexts();
  const kind = useSignal<AnyFault['kind']>('link');
  const subject = useSignal('');
  const sessions = useSessions(kind);
  const choices = breakable(kind.value, page, sessions.value ?? []);
  const chosen = choices.find((one) => subjectOf(one) === subject.value) ?? choices[0];
  const absent: TextKey = kind.value === 'session' ? 'noSessions' : 'noneToBreak';
  const reading = kind.value === 'session' && sessions.value === undefined;
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    if (chosen !== undefined) void page.breakIt(chosen);
  };
  return (
    <form class="card" onSubmit={onSubmit}>
      <RadioGroup
        label={say('faultsTab')}
        options={KINDS.filter((one) => page.faultKinds.value.has(one)).map((one) => [one, say(TEXTS[one])])}
        chosen={kind.value}
        onChoose={(one) => (kind.value = one)}
      />
      {choices.length === 0 ? (
        <p class="hint">{reading ? '…' : say(absent)}</p>
      ) : (
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
      )}
    </form>
  );
}
