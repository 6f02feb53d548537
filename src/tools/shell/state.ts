/** What a shell keeps between commands. */

/** `break`, `continue` and `exit` on their way out; `count`: loops, or the status. */
export class Leaving extends Error {
  readonly kind: 'break' | 'continue' | 'exit';
  readonly count: number;

  constructor(kind: Leaving['kind'], count: number) {
    super(kind);
    this.kind = kind;
    this.count = count;
  }
}

/** Standard input: `read` takes lines of it, a command is given what is left. */
export class Input {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get rest(): string {
    return this.#text.slice(this.#at);
  }

  /** Undefined at its end. A last line without a newline is `whole: false`. */
  line(): { readonly text: string; readonly whole: boolean } | undefined {
    if (this.#at >= this.#text.length) return undefined;
    const end = this.#text.indexOf('\n', this.#at);
    const text = this.#text.slice(this.#at, end < 0 ? undefined : end);
    this.#at = end < 0 ? this.#text.length : end + 1;
    return { text, whole: end >= 0 };
  }
}

export class ShellState {
  readonly scriptName: string;
  readonly variables: Map<string, string>;
  positional: readonly string[];
  input: Input;
  /** `$?` */
  status = 0;
  /** Around what is being done. */
  loops = 0;

  constructor(scriptName: string, positional: readonly string[], input: string, variables = new Map<string, string>()) {
    this.scriptName = scriptName;
    this.positional = positional;
    this.variables = variables;
    this.input = new Input(input);
  }

  /** What the next commands read. */
  give(text: string): void {
    this.input = new Input(text);
  }

  copy(input: string): ShellState {
    const copy = new ShellState(this.scriptName, this.positional, input, new Map(this.variables));
    copy.status = this.status;
    return copy;
  }
}
