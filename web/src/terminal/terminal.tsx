/** A terminal in a pod or on a machine: commands by the API's exec, tcpdump from the stream. */

import { useSignal, useSignalEffect } from '@preact/signals';
import { FitAddon } from '@xterm/addon-fit';
import { type ITheme, Terminal as Screen } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { useEffect, useRef } from 'preact/hooks';
import { usePage, useTexts } from '../context.js';
import { ApiError } from '../state/api.js';
import { placeOf, placeOfPod } from '../state/names.js';
import type { PageState } from '../state/page.js';
import { secondsText } from '../time.js';
import { addressOf, commandOf, completeCommand, splitWords, type Word } from './commands.js';
import { keysOf, LineEditor } from './line-editor.js';
import { linkNames, type Tcpdump, tcpdumpOf, tcpdumpText } from './tcpdump.js';

const NEW_LINE = '\r\n';
const themed = (): ITheme => {
  const of = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  return {
    background: of('raised'),
    foreground: of('text'),
    cursor: of('accent'),
    selectionBackground: `${of('accent')}55`,
    // The prompt is bold.
    brightGreen: of('good'),
  };
};
const lines = (text: string): string => text.replaceAll(/\r?\n/g, NEW_LINE);

/** Interfaces of a place: those that are declared, and those where packets were seen. */
function interfacesAt(page: PageState, target: string): readonly string[] {
  const declared = page.hosts.value.find((host) => placeOf(host) === target)?.interfaces.map(({ name }) => name);
  const seen = page.live.log.frames.flatMap(({ message }) => (message.place === target ? [message.interface] : []));
  return [...new Set([...(declared ?? ['eth0']), ...seen])];
}

/** One place's shell: a line is read, done, and the next is asked for. */
class Shell {
  readonly #screen: Screen;
  readonly #page: PageState;
  readonly #editor: LineEditor;
  #target: string;
  #busy = false;
  /** Keys that came while a command ran. */
  #waiting: string[] = [];
  /** Ends what runs. */
  #stop: (() => void) | undefined;

  constructor(screen: Screen, page: PageState, target: string) {
    this.#screen = screen;
    this.#page = page;
    this.#target = target;
    this.#editor = new LineEditor((head) =>
      completeCommand(
        { services: page.services.value, names: page.names.value, interfaces: interfacesAt(page, this.#target) },
        head,
      ),
    );
    screen.onData((data) => this.#typed(data));
    this.#prompt();
  }

  moveTo(target: string): void {
    if (target === this.#target) return;
    this.end();
    this.#waiting = [];
    this.#target = target;
    this.#screen.write(NEW_LINE);
    this.#prompt();
  }

  /** Ends a command that runs. */
  end(): void {
    const stop = this.#stop;
    this.#stop = undefined;
    this.#busy = false;
    stop?.();
  }

  #prompt(): void {
    const { line, cursor } = this.#editor.shown;
    const back = line.length - cursor;
    this.#screen.write(`\r\u001b[K\u001b[1;32m${this.#target}\u001b[0m # ${line}${back > 0 ? `\u001b[${back}D` : ''}`);
  }

  /** The next command: what was typed meanwhile comes first. */
  #ready(): void {
    this.#prompt();
    this.#readKeys();
  }

  #typed(data: string): void {
    if (this.#busy && data === '\u0003') this.#interrupt();
    else {
      this.#waiting.push(...keysOf(data));
      this.#readKeys();
    }
  }

  /** As a tty does, it throws away what was typed meanwhile as well. */
  #interrupt(): void {
    this.#waiting = [];
    this.#screen.write(`^C${NEW_LINE}`);
    this.end();
    this.#prompt();
  }

  /** Up to the end of a line that runs for some time. */
  #readKeys(): void {
    while (!this.#busy) {
      const key = this.#waiting.shift();
      if (key === undefined) return;
      this.#press(key);
    }
  }

  #press(key: string): void {
    const outcome = this.#editor.key(key);
    if (outcome.kind === 'interrupt') this.#screen.write(`^C${NEW_LINE}`);
    else if (outcome.kind === 'clear') this.#screen.clear();
    else if (outcome.kind === 'choices')
      this.#screen.write(`${NEW_LINE}${outcome.choices.slice(0, 60).join('  ')}${NEW_LINE}`);
    if (outcome.kind === 'enter') void this.#run(outcome.line);
    else this.#prompt();
  }

  async #run(line: string): Promise<void> {
    this.#screen.write(NEW_LINE);
    const words = splitWords(line);
    if (words === undefined) this.#say('a quotation mark is left open');
    else if (words[0]?.text === 'clear') this.#screen.clear();
    else if (words[0]?.text === 'tcpdump') await this.#tcpdump(line, words);
    else if (words.length > 0) await this.#exec(commandOf(line, words));
    if (!this.#busy) this.#ready();
  }

  #say(words: string): void {
    this.#screen.write(`${lines(words.trimEnd())}${NEW_LINE}`);
  }

  async #exec(words: readonly string[]): Promise<void> {
    let ended = false;
    this.#busy = true;
    this.#stop = () => {
      ended = true;
    };
    const said = await this.#answerOf(words);
    void this.#page.readClock();
    // Nobody waits for it any more.
    if (ended) return;
    this.end();
    for (const text of said) if (text !== '') this.#say(text);
  }

  async #answerOf(words: readonly string[]): Promise<readonly string[]> {
    try {
      const { stdout, stderr } = await this.#page.api.exec(this.#page.current.value ?? '', this.#target, words);
      return [stdout, stderr];
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return [error.message];
    }
  }

  /** Goes on for as long as packets are captured. */
  async #tcpdump(line: string, words: readonly Word[]): Promise<void> {
    const asked = tcpdumpOf(line, words, (name) => addressOf(this.#page.names.value, name));
    if ('problem' in asked) {
      this.#say(asked.problem);
      return;
    }
    let ended = false;
    this.#busy = true;
    this.#stop = () => {
      ended = true;
    };
    const isThere = await this.#hasDevice(asked.interface);
    if (ended) return;
    if (isThere) {
      this.#capture(asked);
    } else {
      this.#say(`tcpdump: ${asked.interface}: No such device exists`);
      this.end();
    }
  }

  /** Whether tcpdump could listen there; where that cannot be asked it can. */
  async #hasDevice(name: string): Promise<boolean> {
    if (name === 'any') return true;
    const links = this.#page.api.exec(this.#page.current.value ?? '', this.#target, ['ip', '-br', 'link']);
    return links.then(({ stdout }) => linkNames(stdout).includes(name)).catch(() => true);
  }

  #capture(asked: Tcpdump): void {
    const isAny = asked.interface === 'any';
    const onInterface = isAny ? '' : ` && interface == "${asked.interface}"`;
    let begun = false;
    let captured = 0;
    let missed = 0;
    const unfollow = this.#page.live.follow(`place == "${this.#target}"${onInterface}`, {
      onBegin: () => {
        if (!begun) this.#say(`listening on ${asked.interface}; ^C ends it`);
        begun = true;
      },
      onFrame: ({ message }) => {
        if (this.#stop === undefined || !asked.filter(message)) return;
        captured += 1;
        const device = isAny ? ` ${message.interface} ${message.direction === 'in' ? 'In ' : 'Out'}` : '';
        this.#say(`${secondsText(message.timeNs)}${device} ${tcpdumpText(message, asked)}`);
        if (captured !== asked.count) return;
        this.end();
        this.#ready();
      },
      onMissed: (count) => {
        missed += count;
      },
      onProblem: (detail) => {
        this.#say(`tcpdump: ${detail}`);
        this.end();
        this.#ready();
      },
    });
    this.#stop = () => {
      unfollow();
      this.#say(`${captured} packets captured${missed > 0 ? `, ${missed} left out: the page is too slow` : ''}`);
    };
  }
}

interface Shown {
  readonly isShown: boolean;
  /** When it is shown. */
  readonly takesFocus: boolean;
}

function useShell(target: string, { isShown, takesFocus }: Shown) {
  const page = usePage();
  const place = useRef<HTMLDivElement>(null);
  const shell = useRef<Shell | undefined>(undefined);
  const screen = useRef<Screen | undefined>(undefined);
  useEffect(() => {
    if (place.current === null) return undefined;
    const made = new Screen({
      fontSize: 13,
      fontFamily: 'ui-monospace, "DejaVu Sans Mono", Menlo, monospace',
      theme: themed(),
      scrollback: 5000,
      screenReaderMode: true,
    });
    const fit = new FitAddon();
    // Else the tab key, which completes, would let nobody out.
    made.attachCustomKeyEventHandler(({ key, shiftKey }) => key !== 'Tab' || !shiftKey);
    made.loadAddon(fit);
    made.open(place.current);
    fit.fit();
    const watcher = new ResizeObserver(([entry]) => {
      // One that is hidden has no size to fit.
      if (entry !== undefined && entry.contentRect.width > 0) fit.fit();
    });
    watcher.observe(place.current);
    screen.current = made;
    shell.current = new Shell(made, page, target);
    return () => {
      shell.current?.end();
      watcher.disconnect();
      made.dispose();
    };
  }, []);
  useEffect(() => shell.current?.moveTo(target), [target]);
  useEffect(() => {
    if (isShown && takesFocus) screen.current?.focus();
  }, [isShown]);
  useSignalEffect(() => {
    if (page.theme.value !== undefined && screen.current !== undefined) screen.current.options.theme = themed();
  });
  return place;
}

/** Where it is not shown it goes on, with all that it printed. */
export function Terminal({ isShown, takesFocus }: Shown) {
  const page = usePage();
  const say = useTexts();
  const places = [...page.hosts.value.map(placeOf), ...page.pods.value.map(placeOfPod)];
  // Where one is about to send from, most likely one wants to look around.
  const sender = places.find((one) => one === page.sender.peek().from);
  const chosen = useSignal(page.terminalTarget.value ?? sender ?? places[0] ?? '');
  useSignalEffect(() => {
    if (page.terminalTarget.value !== undefined) chosen.value = page.terminalTarget.value;
  });
  const place = useShell(chosen.value, { isShown, takesFocus });
  return (
    <div class="terminal" hidden={!isShown}>
      <div class="row">
        <label class="field quiet row">
          <span>{say('terminalIn')}</span>
          <select value={chosen.value} onChange={({ currentTarget: { value } }) => (page.terminalTarget.value = value)}>
            {places.map((one) => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </select>
        </label>
        <small class="hint">{say('terminalHelp')}</small>
      </div>
      <div class="screen" ref={place} />
    </div>
  );
}
