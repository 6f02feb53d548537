/** The page as a whole: a bar, the picture or a trace, tools beside it, packets or a terminal below. */

import { type Signal, useSignal, useSignalEffect } from '@preact/signals';
import { lazy, Suspense } from 'preact/compat';
import { useEffect } from 'preact/hooks';
import { usePage, useTexts } from './context.js';
import { Faults } from './controls/faults.js';
import { Header } from './controls/header.js';
import { Answer } from './controls/answer.js';
import { Place } from './controls/place.js';
import { ProblemNote } from './controls/problem-note.js';
import { Sender } from './controls/sender.js';
import { TokenForm } from './controls/token-form.js';
import { Welcome } from './controls/welcome.js';
import { PacketView } from './packet/packet-view.js';
import { PacketList } from './packets/packet-list.js';
import { Picture } from './picture/picture.js';
import { type Pane, PANES, type Tool } from './state/page.js';
import type { TextKey } from './texts/language.js';
import { TraceView } from './trace/trace-view.js';

const Change = lazy(() => import('./controls/change.js').then(({ Change: one }) => ({ default: one })));
const Terminal = lazy(() => import('./terminal/terminal.js').then(({ Terminal: one }) => ({ default: one })));

export function App() {
  const page = usePage();
  const { cluster, trace } = page.route.value;
  return (
    <>
      <Header />
      {page.needsToken.value ? (
        <TokenForm />
      ) : cluster === undefined || page.current.value === undefined ? (
        <Welcome />
      ) : (
        <Workbench trace={trace} />
      )}
      <ProblemNote at="page" />
    </>
  );
}

const TOOLS: readonly (readonly [tool: Tool, text: TextKey])[] = [
  ['answer', 'answerTab'],
  ['packet', 'packetTab'],
  ['place', 'placeTab'],
  ['change', 'changeTab'],
  ['faults', 'faultsTab'],
];

function Tools() {
  const page = usePage();
  const say = useTexts();
  const { value: now } = page.tool;
  return (
    <aside class="tools">
      <div class="tabs" role="tablist" aria-label={say('answerTab')}>
        {TOOLS.map(([tool, text]) => (
          <button
            key={tool}
            type="button"
            role="tab"
            id={`tab-${tool}`}
            aria-controls="tool"
            aria-selected={now === tool}
            onClick={() => (page.tool.value = tool)}
          >
            {say(text)}
            {tool === 'faults' && page.faults.value.length > 0 && <b class="count bad">{page.faults.value.length}</b>}
          </button>
        ))}
      </div>
      <div class="tool" id="tool" role="tabpanel" aria-labelledby={`tab-${now}`} tabIndex={0}>
        {now === 'answer' && <Answer />}
        {now === 'packet' && <PacketView />}
        {now === 'place' && <Place />}
        {now === 'change' && (
          <Suspense fallback={<p class="hint">…</p>}>
            <Change />
          </Suspense>
        )}
        {now === 'faults' && <Faults />}
      </div>
    </aside>
  );
}

const PANE_TEXTS: Readonly<Record<Pane, TextKey>> = { main: 'pictureTab', tools: 'answerTab', below: 'packets' };
const PANE_ICONS: Readonly<Record<Pane, string>> = { main: '◫', tools: '☰', below: '≡' };

type Below = 'packets' | 'terminal';

/** What a link names is opened where it is seen: a trace over the picture, a packet among the tools. */
function useLinks(below: Signal<Below>): void {
  const page = usePage();
  const { pane } = page;
  useSignalEffect(() => {
    const { trace, packet } = page.route.value;
    if (trace !== undefined) pane.value = 'main';
    // One that was chosen in the list is open already.
    if (packet === undefined || page.frame.peek()?.message.seq === packet) return;
    page.tool.value = 'packet';
    pane.value = 'tools';
    below.value = 'packets';
  });
}

/** Loaded when it is first shown; of each cluster another. */
function KeptTerminal({ isShown }: { readonly isShown: boolean }) {
  const page = usePage();
  const opened = useSignal(isShown);
  if (isShown) opened.value = true;
  // Its places are known a moment after the cluster is.
  if (!opened.value || page.hosts.value.length === 0) return null;
  return (
    <Suspense fallback={<p class="hint">…</p>}>
      <Terminal key={page.current.value} isShown={isShown} />
    </Suspense>
  );
}

function Workbench({ trace }: { readonly trace: string | undefined }) {
  const page = usePage();
  const say = useTexts();
  const { pane } = page;
  const below = useSignal<Below>('packets');
  useLinks(below);
  const show = (one: Pane): void => {
    // The tools stand beside the picture only.
    if (one === 'tools' && trace !== undefined) page.go({ cluster: page.current.value ?? '' });
    pane.value = one;
  };
  useEffect(
    () =>
      page.terminalTarget.subscribe((target) => {
        if (target === undefined) return;
        below.value = 'terminal';
        pane.value = 'below';
      }),
    [],
  );
  return (
    <>
      <Sender />
      <main class={`workbench pane-${pane.value} ${trace === undefined ? '' : 'tracing'}`}>
        <div class="main">
          <Picture />
          {trace !== undefined && <TraceView id={trace} />}
        </div>
        {trace === undefined && <Tools />}
        <div class="below">
          <div class="tabs" role="tablist" aria-label={say('packets')}>
            {(['packets', 'terminal'] as const).map((one) => (
              <button
                key={one}
                type="button"
                role="tab"
                aria-selected={below.value === one}
                onClick={() => (below.value = one)}
              >
                {say(one)}
              </button>
            ))}
          </div>
          {below.value === 'packets' && <PacketList />}
          <KeptTerminal isShown={below.value === 'terminal'} />
        </div>
      </main>
      <nav class="panes">
        {PANES.map((one) => (
          <button key={one} type="button" aria-pressed={pane.value === one} onClick={() => show(one)}>
            <span aria-hidden="true">{PANE_ICONS[one]}</span>
            {say(PANE_TEXTS[one])}
          </button>
        ))}
      </nav>
    </>
  );
}
