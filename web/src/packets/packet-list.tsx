/** Packets as they come, as Wireshark lists them: filter, follow, pause, tens of thousands of rows. */

import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { usePage, useTexts } from '../context.js';
import type { Frame } from '../state/frames.js';
import { shortName } from '../state/names.js';
import { rowsInView } from './window.js';

const ROW_HEIGHT = 22;

export function PacketList() {
  const follow = useSignal(true);
  return (
    <div class="packets">
      <FilterBar follow={follow} />
      <Rows follow={follow} />
    </div>
  );
}

function FilterBar({ follow }: { readonly follow: Signal<boolean> }) {
  const page = usePage();
  const say = useTexts();
  const typed = useSignal(page.live.filter.value);
  const { value: wrong } = page.live.filterProblem;
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    page.live.setFilter(typed.value);
  };
  const clear = (): void => {
    typed.value = '';
    page.live.setFilter('');
  };
  const length = page.live.log.version.value >= 0 ? page.live.log.length : 0;
  return (
    <form class="filter" onSubmit={onSubmit}>
      <input
        type="search"
        class={wrong !== undefined ? 'wrong' : page.live.filter.value === '' ? '' : 'right'}
        aria-label={say('filter')}
        aria-invalid={wrong !== undefined}
        aria-describedby="filter-problem"
        placeholder={say('filterHint')}
        spellcheck={false}
        value={typed.value}
        onInput={({ currentTarget: { value } }) => (typed.value = value)}
      />
      <button type="submit">{say('applyFilter')}</button>
      {page.live.filter.value !== '' && (
        <button type="button" class="quiet" onClick={clear}>
          {say('clearFilter')}
        </button>
      )}
      <label class="check">
        <input
          type="checkbox"
          checked={follow.value}
          onChange={({ currentTarget: { checked } }) => (follow.value = checked)}
        />
        {say('followNew')}
      </label>
      <button
        type="button"
        aria-pressed={page.live.paused.value}
        onClick={() => (page.live.paused.value = !page.live.paused.value)}
      >
        {say(page.live.paused.value ? 'resumePackets' : 'pausePackets')}
      </button>
      <button type="button" class="quiet wide" onClick={() => page.live.log.clear()}>
        {say('clearList')}
      </button>
      <span class="counts wide" role="status">
        {say('shownOf', { count: length.toLocaleString() })}
        {page.live.missed.value > 0 && <em> · {say('missed', { count: page.live.missed.value.toLocaleString() })}</em>}
      </span>
      <output id="filter-problem" class="filter-problem">
        {wrong}
      </output>
    </form>
  );
}

/** Scrolling by the user ends following; the end of the list begins it again. */
function useFollowing(follow: Signal<boolean>) {
  const page = usePage();
  const list = useRef<HTMLDivElement>(null);
  const view = useSignal({ top: 0, height: 300 });
  const read = (): void => {
    const { current } = list;
    if (current === null) return;
    const { scrollTop: top, clientHeight: height } = current;
    // While it follows, the end is in view wherever that is.
    if (height !== view.peek().height || !follow.peek()) view.value = { top, height };
  };
  useEffect(() => {
    if (list.current === null) return undefined;
    const watcher = new ResizeObserver(read);
    watcher.observe(list.current);
    return () => watcher.disconnect();
  }, []);
  const version = page.live.log.version.value;
  useLayoutEffect(() => {
    const { current } = list;
    if (current !== null && follow.value) current.scrollTop = current.scrollHeight;
    read();
  }, [version, follow.value]);
  const onWheel = ({ deltaY }: WheelEvent): void => {
    if (deltaY < 0) follow.value = false;
  };
  return { list, view, read, onWheel };
}

/** Arrow keys go from packet to packet. */
function neighbour(frames: readonly Frame[], now: Frame | undefined, key: string): Frame | undefined {
  const at = now === undefined ? -1 : frames.indexOf(now);
  if (key === 'ArrowDown') return frames[Math.min(frames.length - 1, at + 1)];
  if (key === 'ArrowUp') return frames[at === -1 ? frames.length - 1 : Math.max(0, at - 1)];
  if (key === 'Home') return frames[0];
  return key === 'End' ? frames.at(-1) : undefined;
}

function Rows({ follow }: { readonly follow: Signal<boolean> }) {
  const page = usePage();
  const say = useTexts();
  const { list, view, read, onWheel } = useFollowing(follow);
  const { frames } = page.live.log;
  const { height } = view.value;
  const top = follow.value ? Math.max(0, (frames.length + 1) * ROW_HEIGHT - height) : view.value.top;
  const { first, end } = rowsInView(frames.length, { top, height, rowHeight: ROW_HEIGHT });
  const onKeyDown = (event: KeyboardEvent): void => {
    const next = neighbour(frames, page.frame.value, event.key);
    if (next === undefined) return;
    event.preventDefault();
    follow.value = false;
    page.showFrame(next);
    const { current } = list;
    const top = frames.indexOf(next) * ROW_HEIGHT;
    if (
      current !== null &&
      (top < current.scrollTop || top > current.scrollTop + current.clientHeight - 2 * ROW_HEIGHT)
    )
      current.scrollTop = top - current.clientHeight / 2;
  };
  return (
    <div
      class="rows"
      ref={list}
      onScroll={read}
      onWheel={onWheel}
      tabIndex={0}
      role="grid"
      aria-rowcount={frames.length + 1}
      aria-label={say('packets')}
      onKeyDown={onKeyDown}
    >
      <div class="row-head" role="row">
        {(['time', 'host', 'interface', 'source', 'destination', 'protocol', 'info'] as const).map((column) => (
          <span key={column} role="columnheader">
            {say(column)}
          </span>
        ))}
      </div>
      {frames.length === 0 && <Empty />}
      <div role="rowgroup" style={{ height: `${frames.length * ROW_HEIGHT}px`, position: 'relative' }}>
        {frames.slice(first, end).map((frame, i) => (
          <Row key={frame.message.seq} frame={frame} index={first + i} />
        ))}
      </div>
    </div>
  );
}

function Empty() {
  const page = usePage();
  const say = useTexts();
  return (
    <div role="row">
      <p class="hint" role="gridcell">
        {say(page.live.filter.value === '' ? 'noPackets' : 'noPacketsFiltered')}
      </p>
    </div>
  );
}

function Row({ frame, index }: { readonly frame: Frame; readonly index: number }) {
  const page = usePage();
  const { message, glance } = frame;
  const { value: names } = page.names;
  const end = (address: string): string => {
    const name = names.get(address);
    return name === undefined ? address : `${shortName(name)} ${address}`;
  };
  const chosen = page.frame.value === frame;
  const classes = `packet-row ${glance.protocol} ${glance.outer === undefined ? '' : 'wrapped'} ${chosen ? 'chosen' : ''}`;
  return (
    <div
      class={classes}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={chosen}
      data-seq={message.seq}
      style={{ transform: `translateY(${index * ROW_HEIGHT}px)` }}
      onClick={() => page.showFrame(frame)}
    >
      <span role="gridcell">{(message.timeNs / 1e9).toFixed(6)}</span>
      <span role="gridcell">{message.place}</span>
      <span role="gridcell">
        <i aria-hidden="true">{message.direction === 'in' ? '→' : '←'}</i> {message.interface}
      </span>
      <span role="gridcell">{end(glance.source)}</span>
      <span role="gridcell">{end(glance.destination)}</span>
      <span role="gridcell" class="proto">
        {glance.outer === undefined
          ? glance.protocol.toUpperCase()
          : `${glance.outer.protocol.toUpperCase()}/${glance.protocol.toUpperCase()}`}
      </span>
      <span role="gridcell" title={message.info}>
        {message.info}
      </span>
    </div>
  );
}
