/** Objects that can be changed, by name, and the one that is in the editor. */

import { type Signal, useSignal, useSignalEffect } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { ChangeAnswer, ListedObject } from '../api-types.js';
import { usePage } from '../context.js';
import { InOrder } from '../state/in-order.js';
import { keyOf, ObjectNames, titleOf } from '../state/object-names.js';

export type Plain = ChangeAnswer['objects'][number];

/** Kinds that are worth changing, those first that people change most. */
export const KINDS = [
  'NetworkPolicy',
  'GlobalNetworkPolicy',
  'Service',
  'IPPool',
  'Deployment',
  'Pod',
  'Namespace',
  'Node',
  'PhysicalNetwork',
  'FelixConfiguration',
  'BGPPeer',
  'BGPConfiguration',
];
/** Whether it is the object of that name. */
function isOf({ kind, namespace, name }: ListedObject, { kind: own, metadata }: Plain): boolean {
  const named = metadata as { readonly name?: string; readonly namespace?: string } | undefined;
  return own === kind && named?.name === name && (named.namespace ?? '') === namespace;
}

/** The object that is in the editor, as it was read and as it is; undefined where it is there no more. */
export function useChosen() {
  const page = usePage();
  const chosen = useSignal<ListedObject | undefined>(undefined);
  const now = useSignal<ListedObject | undefined>(undefined);
  const { current: reads } = useRef(new InOrder());
  const choose = (object: ListedObject | undefined): void => {
    chosen.value = object;
    now.value = object;
  };
  useSignalEffect(() => {
    const cluster = page.current.value;
    const { changed } = page.live.subjects.value;
    const read = chosen.peek();
    if (cluster === undefined || read === undefined || changed?.includes(titleOf(read)) === false) return;
    const show = (found: ListedObject | undefined): void => {
      if (chosen.value !== undefined && keyOf(chosen.value) === keyOf(read)) now.value = found;
    };
    void reads.show(() => page.api.object(cluster, read), show).catch(() => undefined);
  });
  /** What has been applied here is what was read here. */
  const readAs = (changed: readonly Plain[] = []): void => {
    const { value: read } = chosen;
    const object = changed.find((one) => read !== undefined && isOf(read, one));
    if (read !== undefined && object !== undefined) choose({ ...read, object });
  };
  return { chosen, now, choose, readAs };
}

/** Reads an object that is chosen, and opens the last that was; of undefined a new one is begun. */
export function useOpening(edit: (object: ListedObject | undefined) => void) {
  const page = usePage();
  const { current: choices } = useRef(new InOrder());
  return (row: ListedObject | undefined): void => {
    const ask = (cluster: string): Promise<ListedObject | undefined> =>
      row === undefined ? Promise.resolve(undefined) : page.api.object(cluster, row);
    // One that has just gone leaves the list, and what is in the editor stays.
    const show = (found: ListedObject | undefined): void => {
      if (row === undefined || found !== undefined) edit(found);
    };
    void page.attemptHere(
      'change',
      (cluster) => choices.show(() => ask(cluster), show),
      () => undefined,
    );
  };
}

/** Of controllers' objects pods can be changed. */
const isChangeable = ({ kind, origin }: { readonly kind: string; readonly origin?: string }): boolean =>
  KINDS.includes(kind) && (origin !== 'controller' || kind === 'Pod');

/** Objects of the kinds that are worth it, by name, as they are after every change. */
export function useObjects(): Signal<readonly ListedObject[]> {
  const page = usePage();
  const { current: names } = useRef(new ObjectNames(page.api, isChangeable));
  const shown = useRef<string | undefined>(undefined);
  useSignalEffect(() => {
    const cluster = page.current.value;
    const { changed } = page.live.subjects.value;
    if (cluster === undefined) return;
    const isAnother = shown.current !== cluster;
    shown.current = cluster;
    void (changed === undefined || isAnother ? names.readAll(cluster) : names.changed(changed));
  });
  return names.rows;
}
