/** A packet of the list, opened: everywhere that it was seen, what changed from one place to the next, fields and bytes. */

import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { toHex } from '../../../src/packet/index.js';
import { usePage, useTexts } from '../context.js';
import type { Frame } from '../state/frames.js';
import { changedFields, changedOctets } from './compare.js';
import { PacketBytes } from './packet-bytes.js';

const NONE: ReadonlySet<number> = new Set();
/** A packet is under way no longer than this: even one that waits for ARP is dropped after three seconds. */
const WAY_S = 10;

/** Everywhere that the opened packet was seen. What the filter keeps out of the list is asked of the server. */
function useSeen(): readonly Frame[] {
  const page = usePage();
  const { log, filter } = page.live;
  const packet = useComputed(() => page.frame.value?.message.packet);
  const unlisted = useSignal<readonly Frame[]>([]);
  useSignalEffect(() => {
    const { value: wanted } = packet;
    unlisted.value = [];
    if (wanted === undefined || filter.value === '') return undefined;
    const seconds = (page.frame.peek()?.message.timeNs ?? 0) / 1e9;
    const times = `frame.time >= ${Math.max(0, seconds - WAY_S)} && frame.time <= ${seconds + WAY_S}`;
    return page.live.follow(times, {
      history: true,
      onFrame: (frame) => {
        if (frame.message.packet === wanted) unlisted.value = [...unlisted.peek(), frame];
      },
      onMissed: () => undefined,
      onProblem: () => undefined,
    });
  });
  const { value: number } = packet;
  if (number === undefined || log.version.value < 0) return [];
  const listed = log.ofPacket(number);
  const known = new Set(listed.map(({ message }) => message.seq));
  const others = unlisted.value.filter(({ message }) => !known.has(message.seq));
  return [...listed, ...others].toSorted((a, b) => a.message.seq - b.message.seq);
}

export function PacketView() {
  const page = usePage();
  const say = useTexts();
  const { value: frame } = page.frame;
  const seen = useSeen();
  // A link names a frame that may not have come yet.
  useSignalEffect(() => {
    const { packet } = page.route.value;
    if (packet === undefined || page.frame.peek()?.message.seq === packet || page.live.log.version.value < 0) return;
    const found = page.live.log.bySeq(packet);
    if (found === undefined) return;
    page.live.following.value = false;
    page.frame.value = found;
  });
  if (frame === undefined)
    return <p class="hint">{say(page.route.value.packet === undefined ? 'choosePacket' : 'packetGone')}</p>;
  const before = seen[seen.findIndex(({ message }) => message.seq === frame.message.seq) - 1];
  const changed = before === undefined ? NONE : changedOctets(before.message.bytes, frame.message.bytes);
  return (
    <>
      <section class="card">
        <h3>
          {frame.message.place} <small class="mono">{frame.message.interface}</small>
        </h3>
        <p class="mono small">{frame.message.info}</p>
        <p class="row small">
          <span>{say('octets', { count: frame.message.bytes.length })}</span>
          {changed.size > 0 && <span class="legend-changed">{say('changedHere')}</span>}
          <span class="grow" />
          <CopyButton bytes={frame.message.bytes} />
        </p>
      </section>
      <Way seen={seen} chosen={frame} />
      <PacketBytes bytes={frame.message.bytes} tree={frame.tree} changed={changed} />
    </>
  );
}

function CopyButton({ bytes }: { readonly bytes: Uint8Array }) {
  const say = useTexts();
  const done = useSignal(false);
  const copy = (): void =>
    void navigator.clipboard.writeText(toHex(bytes)).then(() => {
      done.value = true;
      return setTimeout(() => (done.value = false), 1500);
    });
  return (
    <button type="button" class="quiet" onClick={copy}>
      {say(done.value ? 'copied' : 'copyBytes')}
    </button>
  );
}

/** The same packet from place to place. */
function Way({ seen, chosen }: { readonly seen: readonly Frame[]; readonly chosen: Frame }) {
  const page = usePage();
  const say = useTexts();
  return (
    <section>
      <h4>{say('alongTheWay')}</h4>
      <ol class="way">
        {seen.map((frame, i) => {
          const before = seen[i - 1];
          const changes = before === undefined ? [] : changedFields(before.tree, frame.tree);
          const { seq, place, direction, interface: name } = frame.message;
          const isChosen = seq === chosen.message.seq;
          return (
            <li key={seq} class={isChosen ? 'chosen' : ''}>
              <button type="button" class="line" aria-current={isChosen} onClick={() => page.showFrame(frame)}>
                {place} <small class="mono">{`${direction === 'in' ? '→' : '←'} ${name}`}</small>
              </button>
              {changes.map(({ field, before: was, after }) => (
                <div key={field} class="change">
                  <span>{field}</span>{' '}
                  {after === '+' ? (
                    <ins>+</ins>
                  ) : after === '' ? (
                    <del>−</del>
                  ) : (
                    <>
                      <del>{was}</del> → <ins>{after}</ins>
                    </>
                  )}
                </div>
              ))}
            </li>
          );
        })}
      </ol>
    </section>
  );
}
