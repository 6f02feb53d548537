/** A packet taken apart beside its bytes: what is chosen in one is marked in the other. */

import { type Signal, useSignal } from '@preact/signals';
import type { DissectedNode } from '../../../src/packet/index.js';
import { useTexts } from '../context.js';

const PER_LINE = 16;

export interface Marked {
  readonly offset: number;
  readonly length: number;
}

interface Shown {
  readonly bytes: Uint8Array;
  readonly tree: DissectedNode;
  readonly changed: ReadonlySet<number>;
}

export function PacketBytes({ bytes, tree, changed }: Shown) {
  const say = useTexts();
  const marked = useSignal<Marked | undefined>(undefined);
  return (
    <div class="dissection">
      <Hex bytes={bytes} tree={tree} marked={marked} changed={changed} />
      <div class="fields" role="tree" aria-label={say('fields')}>
        {tree.children.map((layer, i) => (
          <Layer key={`${layer.name}-${layer.offset}-${i}`} layer={layer} marked={marked} changed={changed} />
        ))}
      </div>
    </div>
  );
}

const within = (node: Marked, mark: Marked | undefined): boolean =>
  mark !== undefined && node.offset === mark.offset && node.length === mark.length;

function touches({ offset, length }: Marked, changed: ReadonlySet<number>): boolean {
  for (let i = offset; i < offset + length; i++) if (changed.has(i)) return true;
  return false;
}

interface Part {
  readonly layer: DissectedNode;
  readonly marked: Signal<Marked | undefined>;
  readonly changed: ReadonlySet<number>;
}

function Layer({ layer, marked, changed }: Part) {
  const open = useSignal(true);
  const toggle = (): void => {
    open.value = !open.value;
    marked.value = layer;
  };
  return (
    <div class="layer" role="treeitem" aria-expanded={open.value} aria-selected={within(layer, marked.value)}>
      <button type="button" class={within(layer, marked.value) ? 'head marked' : 'head'} onClick={toggle}>
        <i aria-hidden="true">{open.value ? '▾' : '▸'}</i> <b>{layer.label}</b> {layer.value}
        {layer.problem !== undefined && <em class="bad"> {layer.problem}</em>}
      </button>
      {open.value && layer.children.length > 0 && (
        <div role="group">
          {layer.children.map((field, i) => (
            <Field key={`${field.name}-${field.offset}-${i}`} layer={field} marked={marked} changed={changed} />
          ))}
        </div>
      )}
    </div>
  );
}

function Field({ layer: field, marked, changed }: Part) {
  const chosen = within(field, marked.value);
  return (
    <div role="treeitem" aria-selected={chosen}>
      <button
        type="button"
        class={`one ${chosen ? 'marked' : ''} ${touches(field, changed) ? 'changed' : ''}`}
        onClick={() => (marked.value = field)}
        onMouseEnter={() => (marked.value = field)}
      >
        <span>{field.label}</span> {field.value}
        {field.problem !== undefined && <em class="bad"> {field.problem}</em>}
      </button>
      {field.children.length > 0 && (
        <div role="group">
          {field.children.map((child, i) => (
            <Field key={`${child.name}-${child.offset}-${i}`} layer={child} marked={marked} changed={changed} />
          ))}
        </div>
      )}
    </div>
  );
}

/** The innermost node that holds an octet. */
function nodeAt(node: DissectedNode, offset: number): DissectedNode {
  const child = node.children.find((one) => offset >= one.offset && offset < one.offset + one.length);
  return child === undefined ? node : nodeAt(child, offset);
}

const printable = (octet: number): string => (octet >= 0x20 && octet < 0x7f ? String.fromCharCode(octet) : '·');
const hexOf = (octet: number): string => octet.toString(16).padStart(2, '0');

function Hex({ bytes, tree, marked, changed }: Shown & { readonly marked: Signal<Marked | undefined> }) {
  const say = useTexts();
  const { value: mark } = marked;
  const classOf = (offset: number): string => {
    const on = mark !== undefined && offset >= mark.offset && offset < mark.offset + mark.length;
    return `${on ? 'on' : ''} ${changed.has(offset) ? 'changed' : ''}`.trim();
  };
  const lines = Array.from({ length: Math.ceil(bytes.length / PER_LINE) }, (_, i) => i * PER_LINE);
  const choose = ({ target }: Event): void => {
    const at = (target as HTMLElement).dataset['at'];
    if (at !== undefined) marked.value = nodeAt(tree, Number(at));
  };
  return (
    <div class="hex" tabIndex={0} role="group" aria-label={say('bytes')} onClick={choose} onMouseOver={choose}>
      {lines.map((start) => {
        const octets = [...bytes.subarray(start, start + PER_LINE)];
        return (
          <div key={start} class="hex-line">
            <span class="offset">{start.toString(16).padStart(4, '0')}</span>
            <span class="octets">
              {octets.map((octet, i) => (
                <b key={start + i} data-at={start + i} class={classOf(start + i)}>
                  {hexOf(octet)}
                </b>
              ))}
            </span>
            <span class="ascii" aria-hidden="true">
              {octets.map((octet, i) => (
                <b key={start + i} data-at={start + i} class={classOf(start + i)}>
                  {printable(octet)}
                </b>
              ))}
            </span>
          </div>
        );
      })}
    </div>
  );
}
