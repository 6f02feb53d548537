/** One packet on one machine: a picture for each passage, the decisions, and the bytes at the chosen one. */

import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { dissect, fromHex, LINKTYPE } from '../../../src/packet/index.js';
import { useTexts } from '../context.js';
import { changedOctets } from '../packet/compare.js';
import { PacketBytes } from '../packet/packet-bytes.js';
import { causeText, type TraceHop, type TracePacket, type TraceStep } from '../trace-document.js';
import { type Counters, counterKey } from './counters.js';
import { Netfilter } from './netfilter.js';
import { decides, passesOf, type PlacedStep } from './passes.js';
import type { Choice } from './trace-view.js';

interface HopProps {
  readonly packet: TracePacket;
  readonly hop: TraceHop;
  readonly choice: Signal<Choice>;
  readonly counters: Counters;
}

export function HopView({ packet, hop, choice, counters }: HopProps) {
  const say = useTexts();
  const brief = useSignal(true);
  const passes = useMemo(() => passesOf(hop.steps), [hop]);
  const { step: chosen } = choice.value;
  useEffect(() => {
    // Where it opens at a drop, that may be of a later passage than the first.
    const line = document.getElementById(`step-${choice.peek().step}`);
    line?.closest('.pass')?.scrollIntoView({ block: 'start' });
    line?.scrollIntoView({ block: 'nearest' });
  }, [hop]);
  const choose = ({ index }: PlacedStep): void => {
    choice.value = { ...choice.value, step: index };
    requestAnimationFrame(() => document.getElementById(`step-${index}`)?.scrollIntoView({ block: 'nearest' }));
  };
  return (
    <>
      <div class="hop">
        <div class="row hop-head">
          <h3>{hop.place}</h3>
          <span class="grow" />
          <label class="check">
            <input
              type="checkbox"
              checked={brief.value}
              onChange={({ currentTarget: { checked } }) => (brief.value = checked)}
            />
            {say('onlyDeciding')}
          </label>
        </div>
        {passes.map((pass, i) => (
          <section
            key={pass.steps[0]?.index ?? i}
            class={`pass ${pass.steps.some(({ index }) => index === chosen) ? 'chosen' : ''}`}
          >
            {passes.length > 1 && <h4>{say('pass', { number: i + 1 })}</h4>}
            <Netfilter pass={pass} chosen={chosen} onChoose={choose} />
            <ol class="steps" aria-label={say('rules')}>
              {pass.steps
                .filter(({ step, index }) => !brief.value || decides(step) || index === chosen)
                .map((one) => (
                  <StepLine
                    key={one.index}
                    placed={one}
                    chosen={chosen === one.index}
                    counters={counters}
                    onChoose={choose}
                  />
                ))}
            </ol>
          </section>
        ))}
      </div>
      <StepBytes packet={packet} hop={hop} chosen={chosen} />
    </>
  );
}

interface LineProps {
  readonly placed: PlacedStep;
  readonly chosen: boolean;
  readonly counters: Counters;
  readonly onChoose: (step: PlacedStep) => void;
}

const tone = ({ kind, outcome }: TraceStep): string =>
  kind === 'drop' || outcome === 'drop' ? 'bad' : outcome === 'accept' || kind === 'deliver' ? 'good' : '';

/** Where a rule stands; for other steps what they are. */
const kindText = ({ kind, hook, table }: TraceStep): string => (hook === undefined ? kind : `${hook} ${table ?? kind}`);

function StepLine({ placed, chosen, counters, onChoose }: LineProps) {
  const say = useTexts();
  const { step, index } = placed;
  const { table, chain, position, because = [], changes = [] } = step;
  const counted =
    table !== undefined && chain !== undefined && position !== undefined
      ? counters.get(counterKey(table, chain, position))
      : undefined;
  return (
    <li id={`step-${index}`} class={`${tone(step)} ${chosen ? 'chosen' : ''}`}>
      <button type="button" class="line" aria-current={chosen} onClick={() => onChoose(placed)}>
        <span class="kind">{kindText(step)}</span>
        <span class="mono">
          {chain !== undefined && <b>{position === 0 ? chain : `${chain} #${position}`} </b>}
          {(step.kind === 'rule' ? step.rule : step.reason) ?? step.text}
        </span>
      </button>
      {(because.length > 0 || counted !== undefined) && (
        <p class="behind">
          {because.map((cause) => (
            <span key={causeText(cause)} class="tag" title={say('objectBehind')}>
              {causeText(cause)}
            </span>
          ))}
          {counted !== undefined && (
            <small>{say('counters', { packets: counted.packets, bytes: counted.bytes })}</small>
          )}
        </p>
      )}
      {changes.map(({ field, before, after }) => (
        <p key={field} class="change">
          <span>{field}</span> <del>{before}</del> → <ins>{after}</ins>
        </p>
      ))}
    </li>
  );
}

/** Steps below the link layer see the packet from its IP header on. */
function linkTypeOf(bytes: Uint8Array): number {
  const isIpv4 =
    bytes.length >= 20 && (bytes[0] ?? 0) >>> 4 === 4 && ((bytes[2] ?? 0) << 8) + (bytes[3] ?? 0) === bytes.length;
  return isIpv4 ? LINKTYPE.raw : LINKTYPE.ethernet;
}

/** The API's own digits: nothing else comes. */
const octetsOf = (digits: string): Uint8Array => fromHex(digits) ?? new Uint8Array();

/** The octets at the chosen step, or at the last one before it that has some; and those of the step before that. */
function bytesAt(
  { hops }: TracePacket,
  hop: TraceHop,
  chosen: number | undefined,
): { readonly now: string | undefined; readonly before: string | undefined } {
  const at = chosen ?? hop.steps.length - 1;
  const until = [...hops.slice(0, hops.indexOf(hop)).flatMap(({ steps }) => steps), ...hop.steps.slice(0, at + 1)];
  const known = until.flatMap(({ bytes }) => (bytes === undefined ? [] : [bytes]));
  return { now: known.at(-1), before: known.at(-2) };
}

function StepBytes({
  packet,
  hop,
  chosen,
}: {
  readonly packet: TracePacket;
  readonly hop: TraceHop;
  readonly chosen: number | undefined;
}) {
  const say = useTexts();
  const { now, before } = bytesAt(packet, hop, chosen);
  if (now === undefined) return <div class="step-bytes" />;
  const bytes = octetsOf(now);
  const changed = before === undefined ? new Set<number>() : changedOctets(octetsOf(before), bytes);
  return (
    <div class="step-bytes">
      <h4>
        {say('bytes')} <small>{say('octets', { count: bytes.length })}</small>
      </h4>
      <PacketBytes key={now} bytes={bytes} tree={dissect(bytes, linkTypeOf(bytes))} changed={changed} />
    </div>
  );
}
