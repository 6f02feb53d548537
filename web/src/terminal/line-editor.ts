/** A line that is typed: cursor, history, completion. Knows nothing of a terminal but what to print. */

export type Completer = (line: string) => readonly string[];

export interface Shown {
  readonly line: string;
  readonly cursor: number;
}

/** What a key asks for beyond editing. */
export type Outcome =
  | { readonly kind: 'edit' }
  | { readonly kind: 'enter'; readonly line: string }
  | { readonly kind: 'interrupt' }
  | { readonly kind: 'clear' }
  | { readonly kind: 'choices'; readonly choices: readonly string[] };

const EDIT: Outcome = { kind: 'edit' };

/** Keys of what a terminal sends at once: of a pasted text its lines, with Enter between them. */
export function keysOf(data: string): readonly string[] {
  if (data.length < 2 || data.startsWith('\u001b')) return [data];
  return (data.match(/\r\n?|\n|[^\r\n]+/g) ?? []).map((part) =>
    /^[\r\n]/.test(part) ? '\r' : part.replaceAll('\t', ' '),
  );
}

/** The longest beginning that all have. */
export function commonPrefix(words: readonly string[]): string {
  const [first = ''] = words;
  let length = first.length;
  for (const word of words) while (!word.startsWith(first.slice(0, length))) length -= 1;
  return first.slice(0, length);
}

export class LineEditor {
  #line = '';
  #cursor = 0;
  #history: string[] = [];
  /** Place in the history; its length is the line that is being typed. */
  #at = 0;
  readonly #complete: Completer;

  constructor(complete: Completer) {
    this.#complete = complete;
  }

  get shown(): Shown {
    return { line: this.#line, cursor: this.#cursor };
  }

  /** A key, or text of one line. */
  key(data: string): Outcome {
    const act = this.#keys[data];
    if (act !== undefined) return act();
    // Text; other control sequences mean nothing here.
    if (!data.startsWith('\u001b') && data >= ' ') this.#insert(data);
    return EDIT;
  }

  readonly #keys: Readonly<Record<string, () => Outcome>> = {
    '\r': () => this.#enter(),
    '\t': () => this.#tab(),
    '\u0003': () => this.#reset({ kind: 'interrupt' }),
    '\u000c': () => ({ kind: 'clear' }),
    '\u0001': () => this.#moveTo(0),
    '\u0005': () => this.#moveTo(this.#line.length),
    '\u0015': () => this.#reset(EDIT),
    '\u007f': () => this.#erase(this.#cursor - 1),
    '\u001b[3~': () => this.#erase(this.#cursor),
    '\u001b[D': () => this.#moveTo(this.#cursor - 1),
    '\u001b[C': () => this.#moveTo(this.#cursor + 1),
    '\u001b[H': () => this.#moveTo(0),
    '\u001b[F': () => this.#moveTo(this.#line.length),
    '\u001b[A': () => this.#recall(-1),
    '\u001b[B': () => this.#recall(1),
  };

  #insert(text: string): void {
    this.#line = this.#line.slice(0, this.#cursor) + text + this.#line.slice(this.#cursor);
    this.#cursor += text.length;
  }

  #erase(at: number): Outcome {
    if (at < 0 || at >= this.#line.length) return EDIT;
    this.#line = this.#line.slice(0, at) + this.#line.slice(at + 1);
    this.#cursor = at;
    return EDIT;
  }

  #moveTo(cursor: number): Outcome {
    this.#cursor = Math.min(Math.max(0, cursor), this.#line.length);
    return EDIT;
  }

  #reset<T extends Outcome>(outcome: T): T {
    this.#line = '';
    this.#cursor = 0;
    this.#at = this.#history.length;
    return outcome;
  }

  #enter(): Outcome {
    const line = this.#line.trim();
    if (line !== '' && this.#history.at(-1) !== line) this.#history.push(line);
    return this.#reset({ kind: 'enter', line });
  }

  #recall(by: number): Outcome {
    const at = this.#at + by;
    if (at < 0 || at > this.#history.length) return EDIT;
    this.#at = at;
    this.#line = this.#history[at] ?? '';
    this.#cursor = this.#line.length;
    return EDIT;
  }

  #tab(): Outcome {
    const head = this.#line.slice(0, this.#cursor);
    const word = /\S*$/.exec(head)?.[0] ?? '';
    const choices = this.#complete(head);
    const rest = commonPrefix(choices).slice(word.length);
    if (rest !== '' || choices.length === 1) this.#insert(choices.length === 1 ? `${rest} ` : rest);
    else if (choices.length > 1) return { kind: 'choices', choices };
    return EDIT;
  }
}
