/** A trace, opened: the answer, its packets, the way of one through one machine, every decision, and the bytes. */

import { type Signal, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { TraceSummary } from '../api-types.js';
import { usePage, useTexts } from '../context.js';
import { Branches } from '../controls/answer.js';
import { Explanation } from '../controls/explanation.js';
import { VerdictMark } from '../controls/verdict-mark.js';
import { ApiError } from '../state/api.js';
import { infoWithoutEnds } from '../state/frames.js';
import type { TextKey } from '../texts/language.js';
import type { TraceDocument, TraceHop, TracePacket, TraceStep } from '../trace-document.js';
import { type Counters, parseCounters } from './counters.js';
import { HopView } from './hop-view.js';

/** A packet, one of its hops, and one of that hop's steps, by their numbers. */
export interface Choice {
  readonly packet: number;
  readonly hop: number;
  readonly step: number | undefined;
}

interface Read {
  readonly summary: TraceSummary;
  readonly document: TraceDocument;
}

const packetsOf = ({ resolution, packets }: TraceDocument): readonly TracePacket[] => [
  ...(resolution?.packets ?? []),
  ...packets,
];

const isDrop = ({ kind }: TraceStep): boolean => kind === 'drop';

/** Where it was decided: the drop, or else the first machine that the request passes. */
function firstChoice(document: TraceDocument): Choice {
  const packets = packetsOf(document);
  const dropAt =
    document.verdict === 'answered'
      ? undefined
      : packets.findLast(({ role, hops }) => role !== 'arp' && hops.some(({ steps }) => steps.some(isDrop)));
  if (dropAt !== undefined) {
    const hop = dropAt.hops.findIndex(({ steps }) => steps.some(isDrop));
    return { packet: packets.indexOf(dropAt), hop, step: dropAt.hops[hop]?.steps.findIndex(isDrop) };
  }
  const request = packets.findIndex(({ role }) => role === 'request');
  const hop = packets[request]?.hops.findIndex(({ place }) => !place.startsWith('pod/')) ?? 0;
  return { packet: Math.max(0, request), hop: Math.max(0, hop), step: undefined };
}

export function TraceView({ id }: { readonly id: string }) {
  const page = usePage();
  const say = useTexts();
  const read = useSignal<Read | 'gone' | undefined>(undefined);
  const branch = useSignal(0);
  const choice = useSignal<Choice>({ packet: 0, hop: 0, step: undefined });
  useSignalEffect(() => {
    const name = page.current.value ?? '';
    let isWanted = true;
    const show = (found: Read | 'gone'): void => {
      if (!isWanted) return;
      if (found !== 'gone') choice.value = firstChoice(found.document);
      read.value = found;
    };
    void readTrace(page.api, { name, id, branch: branch.value })
      .catch((error: unknown) => {
        if (!(error instanceof ApiError)) throw error;
        return 'gone' as const;
      })
      .then(show);
    return () => {
      isWanted = false;
    };
  });
  useEscape(() => page.go({ cluster: page.current.value ?? '' }));
  const section = useFocusOf(read.value !== undefined);
  useEffect(() => () => void (page.leftTrace.value = id), []);
  if (read.value === undefined)
    return (
      <section class="trace">
        <p class="hint" role="status">
          {say('loadingTrace')}
        </p>
      </section>
    );
  if (read.value === 'gone')
    return (
      <section class="trace">
        <p class="hint" role="status">
          {say('traceGone')}
        </p>
        <BackButton />
      </section>
    );
  const { summary, document } = read.value;
  return (
    <section class="trace" aria-label={say('openTrace')} ref={section} tabIndex={-1}>
      <TraceHead summary={summary} document={document} branch={branch} />
      <Opened document={document} choice={choice} />
    </section>
  );
}

/** What has come in place of what had the focus takes it, once it is there. */
function useFocusOf(isThere: boolean) {
  const place = useRef<HTMLElement>(null);
  useEffect(() => {
    if (isThere && window.document.activeElement === window.document.body) place.current?.focus();
  }, [isThere]);
  return place;
}

async function readTrace(
  api: ReturnType<typeof usePage>['api'],
  { name, id, branch }: { readonly name: string; readonly id: string; readonly branch: number },
): Promise<Read> {
  const [summary, document] = await Promise.all([api.traceSummary(name, id), api.traceDocument(name, id, branch)]);
  return { summary, document };
}

function useEscape(action: () => void): void {
  useEffect(() => {
    const onKey = ({ key }: KeyboardEvent): void => {
      if (key === 'Escape') action();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
}

function BackButton() {
  const page = usePage();
  const say = useTexts();
  return (
    <button type="button" class="quiet" onClick={() => page.go({ cluster: page.current.value ?? '' })}>
      ← {say('showInPicture')}
    </button>
  );
}

function TraceHead({
  summary,
  document,
  branch,
}: {
  readonly summary: TraceSummary;
  readonly document: TraceDocument;
  readonly branch: Signal<number>;
}) {
  const page = usePage();
  const say = useTexts();
  const { from, to, protocol, verdict, explanation } = document;
  const download = (): void => void savePcapng(page.current.value ?? '', summary.id, page.token.value);
  return (
    <header class="trace-head">
      <div class="row wrap">
        <BackButton />
        <VerdictMark verdict={verdict} />
        <strong>
          {from.label} → {to.label}
          {to.port !== undefined && `:${to.port}`}
        </strong>
        <small>{protocol}</small>
        <span class="grow" />
        <button type="button" class="quiet" onClick={download}>
          ⤓ {say('download')}
        </button>
      </div>
      <Explanation sentences={explanation} />
      {summary.branches.length > 1 && (
        <Branches answer={summary} chosen={branch.value} onChoose={(one) => (branch.value = one)} />
      )}
    </header>
  );
}

/** Fetched with the token, then handed over as a file. */
async function savePcapng(name: string, id: string, token: string | undefined): Promise<void> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`/api/v1/clusters/${name}/traces/${id}?format=pcapng`, { headers });
  const link = window.document.createElement('a');
  link.href = URL.createObjectURL(await response.blob());
  link.download = `${id}.pcapng`;
  link.click();
  URL.revokeObjectURL(link.href);
}

const ROLES: Readonly<Record<TracePacket['role'], TextKey>> = {
  request: 'request',
  reply: 'reply',
  'icmp-error': 'icmpError',
  arp: 'arp',
};

function Opened({ document, choice }: { readonly document: TraceDocument; readonly choice: Signal<Choice> }) {
  const packets = packetsOf(document);
  const questions = document.resolution?.packets.length ?? 0;
  const packet = packets[choice.value.packet];
  const hop = packet?.hops[choice.value.hop];
  return (
    <div class="trace-body">
      <Outline packets={packets} questions={questions} choice={choice} />
      {packet !== undefined && hop !== undefined && <CountedHop packet={packet} hop={hop} choice={choice} />}
    </div>
  );
}

/** The hop with the counters of its machine's rules, read once. */
function CountedHop({
  packet,
  hop,
  choice,
}: {
  readonly packet: TracePacket;
  readonly hop: TraceHop;
  readonly choice: Signal<Choice>;
}) {
  const page = usePage();
  const counters = useSignal<Counters>(new Map());
  const target = hop.place;
  useEffect(() => {
    let isWanted = true;
    counters.value = new Map();
    void page.api
      .exec(page.current.value ?? '', target, ['iptables-save', '-c'])
      .then(({ stdout }) => isWanted && (counters.value = parseCounters(stdout)))
      .catch(() => undefined);
    return () => {
      isWanted = false;
    };
  }, [target]);
  return <HopView packet={packet} hop={hop} choice={choice} counters={counters.value} />;
}

/** `questions` of the packets, the first of them, are for the destination's name. */
function Outline({
  packets,
  questions,
  choice,
}: {
  readonly packets: readonly TracePacket[];
  readonly questions: number;
  readonly choice: Signal<Choice>;
}) {
  const say = useTexts();
  const withArp = useSignal(false);
  const items = packets.map((packet, i) => {
    const isHidden = packet.role === 'arp' && !withArp.value && choice.value.packet !== i;
    return isHidden ? null : <OutlinePacket key={packet.id} packet={packet} index={i} choice={choice} />;
  });
  return (
    <nav class="outline" aria-label={say('packetsOfTrace')}>
      <label class="check">
        <input
          type="checkbox"
          checked={withArp.value}
          onChange={({ currentTarget: { checked } }) => (withArp.value = checked)}
        />
        {say('arp')}
      </label>
      {questions > 0 && <h4>{say('questionsForName')}</h4>}
      {items.slice(0, questions)}
      {questions > 0 && <h4>{say('theConnection')}</h4>}
      {questions === packets.length && <p class="hint">{say('notConnected')}</p>}
      {items.slice(questions)}
    </nav>
  );
}

function OutlinePacket({
  packet,
  index,
  choice,
}: {
  readonly packet: TracePacket;
  readonly index: number;
  readonly choice: Signal<Choice>;
}) {
  const say = useTexts();
  const section = useRef<HTMLElement>(null);
  const chosen = choice.value.packet === index;
  useEffect(() => {
    if (chosen) section.current?.scrollIntoView({ block: 'nearest' });
  }, [chosen]);
  return (
    <section ref={section} class={chosen ? 'chosen' : ''}>
      <button
        type="button"
        class="line"
        aria-expanded={chosen}
        onClick={() => (choice.value = { packet: index, hop: 0, step: undefined })}
      >
        <b class={`role ${packet.role}`}>{say(ROLES[packet.role])}</b>
        <small title={packet.summary}>{infoWithoutEnds(packet.summary)}</small>
      </button>
      {chosen && <Hops packet={packet} index={index} choice={choice} />}
    </section>
  );
}

function Hops({
  packet,
  index,
  choice,
}: {
  readonly packet: TracePacket;
  readonly index: number;
  readonly choice: Signal<Choice>;
}) {
  return (
    <ol class="hops">
      {packet.hops.map(({ place, steps }, i) => (
        <li key={`${place}-${i}`} class={steps.some(isDrop) ? 'dropped' : ''}>
          <button
            type="button"
            aria-current={choice.value.hop === i}
            onClick={() => (choice.value = { packet: index, hop: i, step: undefined })}
          >
            {place}
          </button>
        </li>
      ))}
    </ol>
  );
}
