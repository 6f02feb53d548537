/** The YAML editor: CodeMirror with completion of fields, and the server's messages at their lines. */

import { autocompletion, type CompletionContext, type CompletionResult } from '@codemirror/autocomplete';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { yaml } from '@codemirror/lang-yaml';
import { type Diagnostic, lintGutter, setDiagnostics } from '@codemirror/lint';
import { EditorState } from '@codemirror/state';
import { EditorView, keymap } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { basicSetup } from 'codemirror';
import { completionsAt } from './object-fields.js';

/** What is said of a line: of the first where it is of none. */
export interface Remark {
  readonly message: string;
  readonly severity: 'error' | 'warning' | 'info';
  readonly line?: number;
}

function complete({ state, pos, explicit }: CompletionContext): CompletionResult | null {
  const { number, from } = state.doc.lineAt(pos);
  const found = completionsAt(state.doc.toString(), number - 1, pos - from);
  if (found === undefined || (!explicit && pos - from === found.from)) return null;
  const options = found.values.map((label) => ({
    label,
    apply: found.isField ? `${label}: ` : label,
    type: found.isField ? 'property' : 'enum',
  }));
  return { from: from + found.from, options };
}

const LOOK = EditorView.theme({
  '&': { height: '100%', fontSize: '12.5px' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.5' },
  '.cm-gutters': { background: 'var(--surface)', color: 'var(--quiet)', border: 'none' },
  '&.cm-focused': { outline: '2px solid var(--accent)', outlineOffset: '-1px' },
  '.cm-content': { caretColor: 'var(--text)' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-selectionBackground, &.cm-focused .cm-selectionBackground': { background: 'var(--accent-soft) !important' },
  '.cm-activeLine, .cm-activeLineGutter': { background: 'transparent' },
  '.cm-tooltip': { background: 'var(--raised)', border: '1px solid var(--line)', color: 'var(--text)' },
});

/** In the page's colours, light and dark. */
const COLOURS = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--accent)' },
  { tag: [tags.string, tags.content], color: 'var(--text)' },
  { tag: [tags.number, tags.bool, tags.keyword], color: 'var(--udp)' },
  { tag: tags.comment, color: 'var(--quiet)', fontStyle: 'italic' },
  { tag: tags.invalid, color: 'var(--bad)' },
]);

export class Editor {
  readonly #view: EditorView;

  constructor(parent: HTMLElement, { label, onApply }: { readonly label: string; readonly onApply: () => void }) {
    const apply = keymap.of([
      {
        key: 'Mod-Enter',
        run: () => {
          onApply();
          return true;
        },
      },
    ]);
    const extensions = [
      apply,
      basicSetup,
      yaml(),
      syntaxHighlighting(COLOURS),
      lintGutter(),
      autocompletion({ override: [complete] }),
      LOOK,
      EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
    ];
    this.#view = new EditorView({ state: EditorState.create({ extensions }), parent });
  }

  get text(): string {
    return this.#view.state.doc.toString();
  }

  set text(text: string) {
    this.#view.dispatch({ changes: { from: 0, to: this.#view.state.doc.length, insert: text } });
    this.mark([]);
  }

  /** Shows remarks at their lines, instead of those before. */
  mark(remarks: readonly Remark[]): void {
    const { doc } = this.#view.state;
    const diagnostics = remarks.map(({ message, severity, line = 1 }): Diagnostic => {
      const { from, to } = doc.line(Math.min(Math.max(1, line), doc.lines));
      return { from, to, severity, message };
    });
    this.#view.dispatch(setDiagnostics(this.#view.state, diagnostics));
  }

  destroy(): void {
    this.#view.destroy();
  }
}
