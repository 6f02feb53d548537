/** What `sh -c` has read (POSIX, Shell Command Language): commands, and the words that they are made of. */

export type Part =
  | { readonly kind: 'text'; readonly text: string; readonly quoted?: boolean }
  /** `*`, `?` or `[…]` that nobody has quoted. */
  | { readonly kind: 'pattern'; readonly text: string }
  /** Within `${x:-…}`, where nobody has quoted it: IFS takes it apart. */
  | { readonly kind: 'bare'; readonly text: string }
  /** `~` and `~NAME` at the beginning of a word: somebody's folder. */
  | { readonly kind: 'home'; readonly user: string }
  | Parameter
  /** `$((…))`: what stands in it is expanded, and then reckoned. */
  | { readonly kind: 'arithmetic'; readonly inside: Word; readonly quoted: boolean }
  /** `$(…)`: outside of double quotes what it prints is taken apart into words. */
  | { readonly kind: 'output'; readonly script: Script; readonly quoted: boolean };

/** `$x`, `${x:-…}`, `${#x}`, `$?`. */
export interface Parameter {
  readonly kind: 'parameter';
  readonly name: string;
  /** `${x[1]}`, `${x[@]}` (bash). */
  readonly subscript?: Word | '@' | '*';
  /** `${!x}`: the parameter that it names, or the subscripts that there are (bash). */
  readonly indirect?: boolean;
  /**
   * `-`, `:-`, `=`, `%%`, … with the word behind it, of bash `:`, `/`, `^`, … with a second one; `length` for `${#x}`; `bad` for what
   * nobody could read.
   */
  readonly change:
    | { readonly operator: string; readonly word: Word; readonly second?: Word | undefined }
    | 'length'
    | 'bad'
    | undefined;
  readonly quoted: boolean;
}

export type Word = readonly Part[];

/** `2>&1`, `>&-`, `<FILE`, `>/dev/null`, `<<WORD`: what a descriptor is from here on. */
export type Redirection = { readonly descriptor: number } & (
  | { readonly kind: 'same' | 'input' | 'output'; readonly target: Word }
  | { readonly kind: 'lines'; readonly lines: Word }
);

export interface Assignment {
  readonly name: string;
  readonly value: Word;
  /** `x+=…` (bash). */
  readonly adds?: boolean;
  /** `x[1]=…` (bash). */
  readonly subscript?: Word;
  /** `x=(a b)` (bash). */
  readonly elements?: readonly Word[];
}

/** What stands between `[[` and `]]` (bash). */
export type Condition =
  | { readonly kind: 'not'; readonly of: Condition }
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly kind: 'unary'; readonly operator: string; readonly word: Word }
  | { readonly kind: 'binary'; readonly operator: string; readonly left: Word; readonly right: Word }
  | { readonly kind: 'word'; readonly word: Word };

/** `a | b) …`. Behind `;&` what comes next is done too, behind `;;&` it is asked (bash). */
export interface Clause {
  readonly patterns: readonly Word[];
  readonly script: Script;
  readonly end: ';;' | ';&' | ';;&';
}

export type Command = { readonly redirections: readonly Redirection[] } & (
  | { readonly kind: 'simple'; readonly assignments: readonly Assignment[]; readonly words: readonly Word[] }
  /** `{ …; }`, or `( … )` that keeps to itself what it sets. */
  | { readonly kind: 'group'; readonly script: Script; readonly apart: boolean }
  | {
      readonly kind: 'if';
      readonly branches: readonly { readonly condition: Script; readonly script: Script }[];
      readonly otherwise: Script | undefined;
    }
  /** Without `in`: the arguments of the script. */
  | {
      readonly kind: 'for';
      readonly name: string;
      readonly words: readonly Word[] | undefined;
      readonly script: Script;
    }
  | {
      readonly kind: 'case';
      readonly word: Word;
      readonly clauses: readonly Clause[];
    }
  /** `(( … ))` (bash) */
  | { readonly kind: 'sum'; readonly inside: Word }
  /** `[[ … ]]` (bash) */
  | { readonly kind: 'condition'; readonly condition: Condition }
  /** `for (( …; …; … ))` (bash) */
  | { readonly kind: 'count'; readonly sums: readonly Word[]; readonly script: Script }
  /** `NAME() COMMAND` */
  | { readonly kind: 'function'; readonly name: string; readonly body: Command }
  /** `COMMAND &` */
  | { readonly kind: 'background'; readonly script: Script }
  | { readonly kind: 'loop'; readonly until: boolean; readonly condition: Script; readonly script: Script }
);

export interface Pipeline {
  readonly commands: readonly Command[];
  /** `!` before it. */
  readonly negated: boolean;
  /** What stands before it. */
  readonly after: ';' | '&&' | '||';
}

export type Script = readonly Pipeline[];

export interface Unread {
  readonly problem: string;
}
