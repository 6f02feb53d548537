/** Who sends what to whom: names are completed, and commands of the place can be sent as well. */

import { useSignal, useSignalEffect } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { TraceRequest } from '../api-types.js';
import { usePage, useTexts } from '../context.js';
import { Icon } from '../icons.js';
import { ApiError } from '../state/api.js';
import type { PageState } from '../state/page.js';
import { placeOf, placeOfPod } from '../state/names.js';
import { isAbout, isOfForm } from '../state/problem.js';
import { dnsName, fetchUrl, httpTarget, lookUp } from '../state/queries.js';
import { protocolFor } from '../state/targets.js';
import { type TextKey, textOf } from '../texts/language.js';
import { ProblemNote } from './problem-note.js';
import { RadioGroup } from './radio-group.js';

/** A connection, or a query that makes one. */
type Kind = 'tcp' | 'udp' | 'sctp' | 'icmp' | 'dns' | 'http';
const KINDS: readonly (readonly [kind: Kind, name: string])[] = [
  ['tcp', 'TCP'],
  ['udp', 'UDP'],
  ['sctp', 'SCTP'],
  ['icmp', 'ping'],
  ['dns', 'DNS'],
  ['http', 'HTTP'],
];
/** What a datagram can carry. */
const LARGEST_SIZE = 65_507;
const MAX_COMPLETIONS = 40;
const REPEAT_MS = 400;

/** Names that contain what was typed, those that begin with it first. */
function completions(names: readonly string[], typed: string): readonly string[] {
  const wanted = typed.toLowerCase();
  const found = names.filter((name) => name.toLowerCase().includes(wanted));
  const begins = (name: string): number => (name.toLowerCase().startsWith(wanted) ? 0 : 1);
  return found.toSorted((a, b) => begins(a) - begins(b)).slice(0, MAX_COMPLETIONS);
}

const sources = (page: PageState): string[] => [...page.pods.value.map(placeOfPod), ...page.hosts.value.map(placeOf)];

function targets(page: PageState): string[] {
  const services = page.services.value.flatMap(({ namespace, name, object }) => {
    const spec = object?.['spec'] as { ports?: readonly { port?: number }[] } | undefined;
    return (spec?.ports ?? []).map(({ port }) => `svc/${namespace}/${name}:${port}`);
  });
  return [...services, ...sources(page)];
}

function NameField({
  id,
  label,
  value,
  names,
  onValue,
}: {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly names: readonly string[];
  readonly onValue: (value: string) => void;
}) {
  const { value: problem } = usePage().problem;
  const wrong = problem?.action === 'send' && isAbout(problem, value);
  return (
    <label class="field name">
      <span>{label}</span>
      <input
        id={id}
        required
        aria-invalid={wrong}
        list={`${id}-names`}
        value={value}
        spellcheck={false}
        autocomplete="off"
        onInput={({ currentTarget }) => onValue(currentTarget.value)}
      />
      <datalist id={`${id}-names`}>
        {completions(names, value).map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </label>
  );
}

function Check({
  text,
  help,
  checked,
  onCheck,
}: {
  readonly text: TextKey;
  readonly help: TextKey;
  readonly checked: boolean;
  readonly onCheck: (checked: boolean) => void;
}) {
  const say = useTexts();
  return (
    <label class="check" title={say(help)}>
      <input type="checkbox" checked={checked} onChange={({ currentTarget }) => onCheck(currentTarget.checked)} />
      {say(text)}
    </label>
  );
}

/** Octets of data; as many as nobody would notice where it is empty. */
function SizeField({
  size,
  onSize,
}: {
  readonly size: number | undefined;
  readonly onSize: (size: number | undefined) => void;
}) {
  const say = useTexts();
  return (
    <label class="field size" title={say('sizeHelp')}>
      <span>{say('size')}</span>
      <input
        type="number"
        min="1"
        max={LARGEST_SIZE}
        value={size ?? ''}
        onInput={({ currentTarget: { value } }) => onSize(value === '' ? undefined : Number(value))}
      />
    </label>
  );
}

/** Of what is neither a host nor a place; nobody was asked. */
function notAsked(page: PageState, typed: string): ApiError {
  const say = (key: TextKey): string => textOf(page.language.value, key, { typed });
  return new ApiError(400, { title: say('noHttpTarget'), detail: say('noHttpTargetHelp') });
}

function send(page: PageState, kind: Kind, request: TraceRequest): Promise<void> {
  const { from, to } = request;
  if (kind === 'dns') return page.query(from, (asking) => lookUp(request, dnsName(to), asking));
  if (kind === 'http') {
    const target = httpTarget(page.names.value, to);
    return page.query(from, async (asking) => {
      if (target === undefined) throw notAsked(page, to);
      return fetchUrl(request, target, asking);
    });
  }
  return page.send({ ...request, protocol: kind });
}

/** Sends again while it is wanted, one after the other. */
function useRepeat(action: () => Promise<void>) {
  const page = usePage();
  const repeating = useSignal(false);
  const latest = useRef(action);
  latest.current = action;
  useSignalEffect(() => {
    if (!repeating.value) return undefined;
    const timer = setInterval(() => {
      const { value: problem } = page.problem;
      // What cannot be sent is not tried again and again; a server that is away is waited for.
      if (problem !== undefined && isOfForm(problem)) repeating.value = false;
      else void latest.current();
    }, REPEAT_MS);
    return () => clearInterval(timer);
  });
  return repeating;
}

export function Sender() {
  const page = usePage();
  const say = useTexts();
  const kind = useSignal<Kind>('tcp');
  const { value: request } = page.sender;
  const shown: Kind = kind.value === 'dns' || kind.value === 'http' ? kind.value : request.protocol;
  const set = (change: Partial<TraceRequest>): void => {
    page.sender.value = { ...page.sender.value, ...change };
  };
  const setSize = (size: number | undefined): void => {
    const { size: _, ...rest } = page.sender.value;
    page.sender.value = size === undefined ? rest : { ...rest, size };
  };
  const setKind = (wanted: Kind): void => {
    kind.value = wanted;
    if (wanted !== 'dns' && wanted !== 'http') set({ protocol: wanted });
  };
  /** A Service is asked by its own protocol, unless something else than a connection is sent. */
  const setTarget = (to: string): void => {
    const protocol = shown === 'icmp' ? shown : protocolFor(page.services.value, { ...page.sender.value, to });
    set({ to, protocol });
  };
  const act = (): Promise<void> => send(page, shown, page.sender.value);
  const repeating = useRepeat(act);
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    void act();
  };
  const swap = (): void => set({ from: page.sender.value.to.replace(/:\d+$/, ''), to: page.sender.value.from });
  return (
    <form class="sender" onSubmit={onSubmit}>
      <NameField
        id="from"
        label={say('from')}
        value={request.from}
        names={sources(page)}
        onValue={(from) => set({ from })}
      />
      <button type="button" class="quiet icon" title={say('swap')} aria-label={say('swap')} onClick={swap}>
        <Icon name="swap" />
      </button>
      <NameField
        id="to"
        label={shown === 'dns' ? say('dnsName') : say('to')}
        value={request.to}
        names={shown === 'dns' ? [] : targets(page)}
        onValue={setTarget}
      />
      <RadioGroup label={say('protocol')} options={KINDS} chosen={shown} onChoose={setKind} />
      {shown === 'dns' || shown === 'http' ? undefined : <SizeField size={request.size} onSize={setSize} />}
      <Check
        text="allBranches"
        help="allBranchesHelp"
        checked={request.branches === 'all'}
        onCheck={(all) => set({ branches: all ? 'all' : 'one' })}
      />
      <Check
        text="repeat"
        help="repeatHelp"
        checked={repeating.value}
        onCheck={(wanted) => (repeating.value = wanted)}
      />
      <button type="submit" class="primary" aria-busy={page.sending.value}>
        {say('send')}
      </button>
      <ProblemNote at="form" />
    </form>
  );
}
