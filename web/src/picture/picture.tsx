/** The cluster as a picture: zoomed and moved by pointer, wheel and keys, with packets on their way. */

import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { select } from 'd3-selection';
import { zoom, type ZoomBehavior, zoomIdentity, type ZoomTransform } from 'd3-zoom';
import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { usePage, useTexts } from '../context.js';
import { Icon } from '../icons.js';
import { brokenBy } from './broken.js';
import { readColours } from './colours.js';
import { type Marks, Painter } from './draw.js';
import { MovingPainter } from './draw-moving.js';
import { Flights } from './flights.js';
import { type Box, type Layout, layoutOf, type Point } from './layout.js';
import { Pen, type View } from './pen.js';
import { type TieWay, tieWays } from './tie-ways.js';
import { readTies, type Ties } from './ties.js';

const NO_TIES: Ties = { tunnels: [], sessions: [], devices: new Map() };
const MARGIN = 36;
const ZOOM_STEP = 1.35;
/** While the view moves, what stands still is drawn anew this often. */
const STRETCH_MS = 140;
const FIRST_PICTURE = 'first picture';

/** Canvases, their size, and what is drawn on them. */
class Stage {
  readonly flights = new Flights(layoutOf([], []));
  layout: Layout = layoutOf([], []);
  marks: Marks = {
    place: undefined,
    brokenLinks: new Set(),
    brokenSwitches: new Set(),
    brokenPods: new Set(),
    ways: [],
    devices: new Map(),
  };
  readonly #still: HTMLCanvasElement;
  readonly #moving: HTMLCanvasElement;
  #transform: ZoomTransform = zoomIdentity;
  #size = { width: 0, height: 0 };
  /** Room that is left free below the picture. */
  #below = MARGIN;
  #dirty = true;
  /** Only the view has changed since it was drawn. */
  #moved = false;
  #drawn: { readonly transform: ZoomTransform; readonly atMs: number } = { transform: zoomIdentity, atMs: 0 };
  #empty = true;
  #colours = readColours();
  #request = 0;
  readonly #zoom: ZoomBehavior<HTMLCanvasElement, unknown>;
  /** Moved by hand: it is not fitted again. */
  #touched = false;

  constructor(still: HTMLCanvasElement, moving: HTMLCanvasElement) {
    this.#still = still;
    this.#moving = moving;
    this.#zoom = zoom<HTMLCanvasElement, unknown>()
      .scaleExtent([0.02, 5])
      .on('zoom', ({ transform, sourceEvent }: { transform: ZoomTransform; sourceEvent: unknown }) => {
        this.#transform = transform;
        if (sourceEvent !== null) this.#touched = true;
        this.#moved = true;
      });
    select(moving).call(this.#zoom).on('dblclick.zoom', null);
    this.#frame(performance.now());
  }

  stop(): void {
    cancelAnimationFrame(this.#request);
  }

  /** `below`: so much of the height is the legend's, and the buttons' beside it. */
  resize(width: number, height: number, below: number): void {
    if (width === 0 || height === 0) return;
    this.#size = { width, height };
    this.#below = Math.max(MARGIN, below + MARGIN / 2);
    for (const canvas of [this.#still, this.#moving]) {
      canvas.width = Math.round(width * window.devicePixelRatio);
      canvas.height = Math.round(height * window.devicePixelRatio);
    }
    this.#zoom.extent([
      [0, 0],
      [width, height],
    ]);
    if (!this.#touched) this.fit();
    this.redraw();
  }

  redraw(): void {
    this.#dirty = true;
    this.#empty = false;
  }

  recolour(): void {
    this.#colours = readColours();
    this.redraw();
  }

  setLayout(layout: Layout): void {
    const moved = layout.width !== this.layout.width || layout.height !== this.layout.height;
    this.layout = layout;
    this.flights.setLayout(layout);
    if (moved) {
      this.#touched = false;
      this.fit();
    }
    this.redraw();
  }

  /** The whole picture, or one box of it. */
  fit(box: Box = this.layout): void {
    const { width, height } = this.#size;
    if (width === 0 || box.width === 0) return;
    const free = height - MARGIN - this.#below;
    const k = Math.min((width - 2 * MARGIN) / box.width, free / box.height, box === this.layout ? 1.4 : 2.2);
    const x = (width - box.width * k) / 2 - box.x * k;
    const y = MARGIN + (free - box.height * k) / 2 - box.y * k;
    this.#zoom.transform(select(this.#moving), zoomIdentity.translate(x, y).scale(k));
  }

  refit(): void {
    this.#touched = false;
    this.fit();
  }

  zoomBy(factor: number): void {
    this.#zoom.scaleBy(select(this.#moving), factor);
    this.#touched = true;
  }

  moveBy(x: number, y: number): void {
    this.#zoom.translateBy(select(this.#moving), x / this.#transform.k, y / this.#transform.k);
    this.#touched = true;
  }

  /** The pod or machine there, in CSS pixels of the canvas. */
  placeAt(at: Point): string | undefined {
    const [x, y] = this.#transform.invert([at.x, at.y]);
    const within = (box: Box): boolean => x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;
    const machine = [...this.layout.machines.values()].find(within);
    return machine?.pods.find(within)?.place ?? machine?.place;
  }

  show(place: string): void {
    const box = this.layout.pods.get(place) ?? this.layout.machines.get(place);
    if (box !== undefined) this.fit({ x: box.x - 60, y: box.y - 60, width: box.width + 120, height: box.height + 120 });
    this.#touched = true;
  }

  #view(): View {
    const { x, y, k } = this.#transform;
    return { x, y, k, ...this.#size };
  }

  #pen(canvas: HTMLCanvasElement): Pen | undefined {
    const context = canvas.getContext('2d');
    return context === null ? undefined : new Pen(context, this.#view());
  }

  #drawStill(now: number): void {
    const pen = this.#pen(this.#still);
    if (pen !== undefined) new Painter(pen, this.#colours).draw(this.layout, this.marks);
    this.#drawn = { transform: this.#transform, atMs: now };
    this.#still.style.transform = '';
    // Seen by who measures how long a first visit takes.
    if (this.layout.machines.size > 0 && performance.getEntriesByName(FIRST_PICTURE).length === 0)
      performance.mark(FIRST_PICTURE);
  }

  #drawMoving(now: number): void {
    const pen = this.#pen(this.#moving);
    if (pen !== undefined)
      new MovingPainter(pen, this.#colours).draw(this.flights.active.values(), this.flights.drops, now);
  }

  /** What was drawn last is moved and stretched for a moment: cheaper than thousands of pods for every step of a wheel. */
  #stretchStill(): void {
    const { k, x, y } = this.#transform;
    const { transform: drawn } = this.#drawn;
    const scale = k / drawn.k;
    this.#still.style.transform = `translate(${x - drawn.x * scale}px, ${y - drawn.y * scale}px) scale(${scale})`;
  }

  #frame(now: number): void {
    this.#request = requestAnimationFrame((next) => this.#frame(next));
    this.flights.advance(now);
    const moved = this.#dirty || this.#moved;
    if (this.#moved && !this.#dirty && now - this.#drawn.atMs < STRETCH_MS) this.#stretchStill();
    else if (moved) {
      this.#drawStill(now);
      this.#dirty = false;
      this.#moved = false;
    }
    if (this.flights.busy || !this.#empty || moved) this.#drawMoving(now);
    this.#empty = !this.flights.busy;
  }
}

const KEYS: Readonly<Record<string, (stage: Stage) => void>> = {
  '+': (stage) => stage.zoomBy(ZOOM_STEP),
  '=': (stage) => stage.zoomBy(ZOOM_STEP),
  '-': (stage) => stage.zoomBy(1 / ZOOM_STEP),
  '0': (stage) => stage.refit(),
  ArrowLeft: (stage) => stage.moveBy(60, 0),
  ArrowRight: (stage) => stage.moveBy(-60, 0),
  ArrowUp: (stage) => stage.moveBy(0, 60),
  ArrowDown: (stage) => stage.moveBy(0, -60),
};

interface Laid {
  readonly key: string;
  readonly ways: readonly TieWay[];
}

const STEPS: Readonly<Record<string, number>> = { PageDown: 1, PageUp: -1 };

/** So many places on from the one that is chosen: machines, each with its pods. */
function placeBeside(layout: Layout, chosen: string | undefined, step: number): string | undefined {
  const places = [...layout.machines.values()].flatMap(({ place, pods }) => [place, ...pods.map((pod) => pod.place)]);
  const at = chosen === undefined ? -1 : places.indexOf(chosen);
  return places.at(at < 0 ? Math.min(step, 0) : (at + step) % places.length);
}

/** Ways are laid anew where machines or ties are other than before: most changes are of pods. */
function waysOf(layout: Layout, ties: Ties, before: Laid): Laid {
  const machines = [...layout.machines.values()].map(({ place, x, y, width, height }) => [place, x, y, width, height]);
  const key = JSON.stringify([machines, ties.tunnels, ties.sessions]);
  return key === before.key ? before : { key, ways: tieWays(layout, ties) };
}

/** Two canvases that live as long as the component, and follow the page. */
function useStage() {
  const page = usePage();
  const frame = useRef<HTMLDivElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const moving = useRef<HTMLCanvasElement>(null);
  const legend = useRef<HTMLUListElement>(null);
  const buttons = useRef<HTMLDivElement>(null);
  const stage = useSignal<Stage | undefined>(undefined);
  const layout = useComputed(() => layoutOf(page.hosts.value, page.pods.value));
  const ties = useSignal(NO_TIES);
  const laid = useRef<Laid>({ key: '', ways: [] });
  const ways = useComputed(() => (laid.current = waysOf(layout.value, ties.value, laid.current)).ways);

  useEffect(() => {
    if (still.current === null || moving.current === null || frame.current === null) return undefined;
    const made = new Stage(still.current, moving.current);
    stage.value = made;
    page.live.watch({
      onFrames: (frames) => made.flights.addFrames(frames),
      onDrop: (step) => made.flights.addDrop(step),
      onReset: () => made.flights.clear(),
    });
    const watcher = new ResizeObserver(([entry]) => {
      const below = Math.max(legend.current?.offsetHeight ?? 0, buttons.current?.offsetHeight ?? 0);
      if (entry !== undefined) made.resize(entry.contentRect.width, entry.contentRect.height, below);
    });
    watcher.observe(frame.current);
    return () => {
      made.stop();
      watcher.disconnect();
    };
  }, []);
  useSignalEffect(() => stage.value?.setLayout(layout.value));
  useSignalEffect(() => {
    const { value: now } = stage;
    if (now === undefined) return;
    now.marks = {
      place: page.place.value,
      ...brokenBy(page.faults.value),
      ways: ways.value,
      devices: ties.value.devices,
    };
    now.redraw();
  });
  useSignalEffect(() => {
    if (page.theme.value !== undefined) requestAnimationFrame(() => stage.peek()?.recolour());
  });
  useSignalEffect(() => {
    const { value: name } = page.current;
    const { value: hosts } = page.hosts;
    const { value: place } = page.place;
    if (name === undefined || hosts.length === 0) {
      ties.value = NO_TIES;
      return;
    }
    void readTies(page.api, name, { hosts, place })
      .then((found) => {
        // Of a cluster, or a time, that is no longer shown.
        if (page.hosts.peek() === hosts) ties.value = found;
        return found;
      })
      .catch(() => undefined);
  });
  return { stage, frame, still, moving, legend, buttons };
}

export function Picture() {
  const page = usePage();
  const say = useTexts();
  const { stage, frame, still, moving, legend, buttons } = useStage();
  const onClick = (event: MouseEvent): void =>
    page.select(stage.value?.placeAt({ x: event.offsetX, y: event.offsetY }));
  const onDblClick = (event: MouseEvent): void => {
    const place = stage.value?.placeAt({ x: event.offsetX, y: event.offsetY });
    if (place === undefined) stage.value?.refit();
    else stage.value?.show(place);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const { value: now } = stage;
    if (now === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = KEYS[event.key];
    const step = STEPS[event.key];
    if (act !== undefined) act(now);
    else if (step !== undefined) page.select(placeBeside(now.layout, page.place.value, step));
    else if (event.key === 'Enter' && page.place.value !== undefined) now.show(page.place.value);
    else return;
    event.preventDefault();
  };
  return (
    <section class="picture" aria-label={say('picture')} ref={frame}>
      <canvas ref={still} aria-hidden="true" />
      <canvas
        ref={moving}
        tabIndex={0}
        role="img"
        aria-label={say('pictureOf', { nodes: page.hosts.value.length, pods: page.pods.value.length })}
        onClick={onClick}
        onDblClick={onDblClick}
        onKeyDown={onKeyDown}
      />
      {page.hosts.value.length === 0 && page.clock.value !== undefined && <p class="hint nothing">{say('noNodes')}</p>}
      <Legend list={legend} />
      <div class="zoom" ref={buttons}>
        <button
          type="button"
          title={say('zoomIn')}
          aria-label={say('zoomIn')}
          onClick={() => stage.value?.zoomBy(ZOOM_STEP)}
        >
          +
        </button>
        <button
          type="button"
          title={say('zoomOut')}
          aria-label={say('zoomOut')}
          onClick={() => stage.value?.zoomBy(1 / ZOOM_STEP)}
        >
          −
        </button>
        <button type="button" title={say('zoomFit')} aria-label={say('zoomFit')} onClick={() => stage.value?.refit()}>
          <Icon name="all" />
        </button>
      </div>
    </section>
  );
}

function Legend({ list }: { readonly list: RefObject<HTMLUListElement | null> }) {
  const say = useTexts();
  return (
    <ul ref={list} class="legend" aria-label={say('legend')}>
      {(['tcp', 'udp', 'icmp', 'arp', 'dns', 'bgp'] as const).map((name) => (
        <li key={name}>
          <i class={`chip ${name}`} />
          {name.toUpperCase()}
        </li>
      ))}
      <li>
        <i class="chip outer" />
        {say('encapsulated')}
      </li>
    </ul>
  );
}
