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
import { type Pane, PANES, type Tool } from './state/panes.js';
import type { TextKey } from './texts/language.js';
import { chooseByKey } from './roving.js';
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
      <div class="tabs" role="tablist" aria-label={say('answerTab')} onKeyDown={chooseByKey}>
        {TOOLS.map(([tool, text]) => (
          <button
            key={tool}
            type="button"
            role="tab"
            id={`tab-${tool}`}
            aria-controls="tool"
            aria-selected={now === tool}
            tabIndex={now === tool ? 0 : -1}
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
            <Change key={page.current.value} />
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
function KeptTerminal(shown: { readonly isShown: boolean; readonly takesFocus: boolean }) {
  const say = useTexts();
  const { isShown } = shown;
  const page = usePage();
  const opened = useSignal(isShown);
  if (isShown) opened.value = true;
  // Its places are known a moment after the cluster is.
  if (!opened.value || page.hosts.value.length === 0)
    return isShown && page.clock.value !== undefined ? <p class="tool hint">{say('noNodes')}</p> : null;
  return (
    <Suspense fallback={<p class="hint">…</p>}>
      <Terminal key={page.current.value} {...shown} />
    </Suspense>
  );
}

function Workbench({ trace }: { readonly trace: string | undefined }) {
  const page = usePage();
  const say = useTexts();
  const { pane } = page;
  const below = useSignal<Below>('packets');
  const pointed = useSignal(false);
  useLinks(below);
  /** By a key the focus stays on the tab. */
  const open = (one: Below, byPointer: boolean): void => {
    pointed.value = byPointer;
    below.value = one;
  };
  const show = (one: Pane): void => {
    // The tools stand beside the picture only.
    if (one === 'tools' && trace !== undefined) page.go({ cluster: page.current.value ?? '' });
    pane.value = one;
  };
  useEffect(
    () =>
      page.terminalTarget.subscribe((target) => {
        if (target === undefined) return;
        open('terminal', true);
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
          {trace !== undefined && <TraceView key={trace} id={trace} />}
        </div>
        {trace === undefined && <Tools />}
        <div class="below">
          <div class="tabs" role="tablist" aria-label={say('packets')} onKeyDown={chooseByKey}>
            {(['packets', 'terminal'] as const).map((one) => (
              <button
                key={one}
                type="button"
                role="tab"
                aria-selected={below.value === one}
                tabIndex={below.value === one ? 0 : -1}
                onClick={({ detail }) => open(one, detail > 0)}
              >
                {say(one)}
              </button>
            ))}
          </div>
          {below.value === 'packets' && <PacketList />}
          <KeptTerminal isShown={below.value === 'terminal'} takesFocus={pointed.value} />
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
