/** Packets as they come, as Wireshark lists them: filter, follow, pause, tens of thousands of rows. */

import { type Signal, useSignal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { usePage, useTexts } from '../context.js';
import type { Frame } from '../state/frames.js';
import { shortName } from '../state/names.js';
import { secondsText } from '../time.js';
import { rowsInView } from './window.js';

const COLUMNS = ['time', 'host', 'interface', 'source', 'destination', 'protocol', 'info'] as const;

/** How a row lies, by the width of the list; styles.css has the same names. */
interface RowLayout {
  readonly name: 'line' | 'stacked' | 'phone';
  readonly rowHeight: number;
}
const LAYOUTS: readonly (RowLayout & { readonly from: number })[] = [
  { from: 1190, name: 'line', rowHeight: 22 },
  { from: 740, name: 'stacked', rowHeight: 38 },
  { from: 0, name: 'phone', rowHeight: 42 },
];
const layoutOf = (width: number): RowLayout =>
  LAYOUTS.find(({ from }) => width >= from) ?? { name: 'phone', rowHeight: 42 };

export function PacketList() {
  const { following: follow } = usePage().live;
  useEffect(
    () => () => {
      follow.value = true;
    },
    [],
  );
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
      {(page.live.filter.value !== '' || typed.value !== '') && (
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
        {wrong !== undefined && (
          <>
            {wrong} <small>{say('filterKept', { filter: page.live.filter.value || say('allPackets') })}</small>
          </>
        )}
      </output>
    </form>
  );
}

/** Less than a row is missing. */
const isAtEnd = ({ scrollTop, scrollHeight, clientHeight }: HTMLElement): boolean =>
  scrollHeight - scrollTop - clientHeight < 22;

/** Scrolling by the user ends following. */
function useFollowing(follow: Signal<boolean>) {
  const page = usePage();
  const list = useRef<HTMLDivElement>(null);
  const view = useSignal({ top: 0, height: 300, width: 1200 });
  const read = (): void => {
    const { current } = list;
    if (current === null) return;
    const { scrollTop: top, clientHeight: height, offsetWidth: width } = current;
    const { height: oldHeight, width: oldWidth } = view.peek();
    // While it follows, the end is in view wherever that is.
    if (height !== oldHeight || width !== oldWidth || !follow.peek()) view.value = { top, height, width };
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
  }, [version, follow.value, view.value.height, layoutOf(view.value.width).name]);
  const onWheel = ({ deltaY }: WheelEvent): void => {
    if (deltaY < 0) follow.value = false;
  };
  /** By touch or by the scroll bar there is no wheel. */
  const onScroll = (): void => {
    if (list.current !== null && !isAtEnd(list.current)) follow.value = false;
    read();
  };
  return { list, view, onScroll, onWheel };
}

/** A packet that is chosen elsewhere, or by a key, comes into view. */
function useChosenInView(list: RefObject<HTMLDivElement | null>, rowHeight: number): void {
  const page = usePage();
  const { value: chosen } = page.frame;
  useLayoutEffect(() => {
    const { current } = list;
    const at = chosen === undefined ? -1 : page.live.log.frames.indexOf(chosen);
    if (current === null || at === -1 || page.live.following.peek()) return;
    const top = at * rowHeight;
    if (top < current.scrollTop || top > current.scrollTop + current.clientHeight - 2 * rowHeight)
      current.scrollTop = top - current.clientHeight / 2;
  }, [chosen, rowHeight]);
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
  const { list, view, onScroll, onWheel } = useFollowing(follow);
  const { frames } = page.live.log;
  const { height, width } = view.value;
  const { name: layout, rowHeight } = layoutOf(width);
  useChosenInView(list, rowHeight);
  const top = follow.value ? Math.max(0, (frames.length + 1) * rowHeight - height) : view.value.top;
  const { first, end } = rowsInView(frames.length, { top, height, rowHeight });
  const onKeyDown = (event: KeyboardEvent): void => {
    const next = neighbour(frames, page.frame.value, event.key);
    if (next === undefined) return;
    event.preventDefault();
    follow.value = false;
    page.showFrame(next);
  };
  return (
    <div
      class={`rows ${layout}`}
      ref={list}
      onScroll={onScroll}
      onWheel={onWheel}
      tabIndex={0}
      role="grid"
      aria-rowcount={frames.length + 1}
      aria-label={say('packets')}
      onKeyDown={onKeyDown}
    >
      <div class="row-head" role="row">
        {COLUMNS.map((column) => (
          <span key={column} role="columnheader">
            {say(column)}
          </span>
        ))}
      </div>
      {frames.length === 0 && <Empty />}
      <div role="rowgroup" style={{ height: `${frames.length * rowHeight}px`, position: 'relative' }}>
        {frames.slice(first, end).map((frame, i) => (
          <Row key={frame.message.seq} frame={frame} index={first + i} height={rowHeight} />
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

/** Whose address it is, and the address. */
function End({ address, port }: { readonly address: string; readonly port: string }) {
  const page = usePage();
  const name = page.names.value.get(address);
  const where = port === '' ? address : `${address}:${port}`;
  return (
    <span role="gridcell" class="end" title={name === undefined ? where : `${name} ${where}`}>
      {name !== undefined && <b>{shortName(name)} </b>}
      <i>{where}</i>
    </span>
  );
}

function Row({ frame, index, height }: { readonly frame: Frame; readonly index: number; readonly height: number }) {
  const page = usePage();
  const { message, glance } = frame;
  const chosen = page.frame.value === frame;
  const [seconds, fraction] = secondsText(message.timeNs).split('.');
  const open = (): void => {
    page.showFrame(frame);
    page.pane.value = 'tools';
  };
  const classes = `packet-row ${glance.protocol} ${glance.outer === undefined ? '' : 'wrapped'} ${chosen ? 'chosen' : ''}`;
  return (
    <div
      class={classes}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={chosen}
      data-seq={message.seq}
      style={{ transform: `translateY(${index * height}px)` }}
      onClick={open}
    >
      <span role="gridcell" class="time">
        {seconds}
        <wbr />.{fraction}
      </span>
      <span role="gridcell" class="place" title={message.place}>
        {message.place}
      </span>
      <span role="gridcell" class="device" title={message.interface}>
        <i aria-hidden="true">{message.direction === 'in' ? '→' : '←'}</i> {message.interface}
      </span>
      <End address={glance.source} port={glance.ports?.[0] ?? ''} />
      <End address={glance.destination} port={glance.ports?.[1] ?? ''} />
      <span role="gridcell" class="proto">
        {glance.outer === undefined
          ? glance.protocol.toUpperCase()
          : `${glance.outer.protocol.toUpperCase()}/${glance.protocol.toUpperCase()}`}
      </span>
      <span role="gridcell" class="info" title={message.info}>
        {frame.info}
      </span>
    </div>
  );
}
