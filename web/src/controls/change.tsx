/** Change an object, and see which flows change: for real, or as a question. */

import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { stringify } from 'yaml';
import type { Finding, ListedObject, TraceRequest, TraceSummary } from '../api-types.js';
import { usePage, useTexts } from '../context.js';
import { ApiError } from '../state/api.js';
import { namespaceOf } from '../state/names.js';
import { keyOf, titleOf } from '../state/object-names.js';
import type { PageState } from '../state/page.js';
import { toldOf } from '../state/problem.js';
import type { Change as Wanted, FlowChange } from '../what-if.js';
import { ChangedElsewhere } from './elsewhere.js';
import { VerdictMark } from './verdict-mark.js';
import { Editor, type Remark } from './editor.js';
import { FindingLines } from './findings.js';
import { written } from './written.js';
import { KINDS, type Plain, useChosen, useObjects, useOpening } from './objects.js';
import { findingsAbout, findingsOf, remarksOf } from './remarks.js';

/** More flows than these would be asked one by one for too long. */
const MAX_FLOWS = 12;

/** As a change names it. */
const keyOnly = ({ group, kind, namespace, name }: ListedObject) => ({
  group,
  kind,
  name,
  ...(namespace === '' ? {} : { namespace }),
});
const denyAll = (namespace: string): string => `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: let-nobody-in
  namespace: ${namespace}
spec:
  podSelector: {}
  policyTypes: [Ingress]
`;

interface Outcome {
  /** As they are now that they have been applied. */
  readonly objects?: readonly Plain[];
  readonly text: 'applied' | 'removed' | 'onlyAsked';
  readonly flows: readonly FlowChange[];
  readonly findings: readonly Finding[];
}

const flowOf = ({ from, to, protocol }: TraceRequest) => ({ from, to, protocol });

/** What becomes of every flow now. @throws ApiError */
async function outcomes(
  { api }: PageState,
  cluster: string,
  flows: readonly TraceRequest[],
): Promise<readonly (TraceSummary | undefined)[]> {
  const found: (TraceSummary | undefined)[] = [];
  // Of a flow whose end is gone there is nothing to say.
  for (const flow of flows) found.push(await api.trace(cluster, { ...flow, branches: 'one' }).catch(() => undefined));
  return found;
}

interface Compared<T> {
  readonly done: T;
  readonly flows: readonly FlowChange[];
}

/** Does it, and compares the flows before and after. @throws ApiError */
async function compared<T>(page: PageState, cluster: string, act: () => Promise<T>): Promise<Compared<T>> {
  const flows = page.flows.value.slice(0, MAX_FLOWS);
  const before = await outcomes(page, cluster, flows);
  const done = await act();
  const after = await outcomes(page, cluster, flows);
  // What is sent takes time, too.
  await page.refresh();
  const changes = flows.flatMap((flow, i) => {
    const [was, now] = [before[i], after[i]];
    return was === undefined || now === undefined ? [] : [{ ...flowOf(flow), before: was, after: now }];
  });
  return { done, flows: changes };
}

/** @throws ApiError */
async function applied(page: PageState, cluster: string, text: string): Promise<Outcome> {
  const { done, flows } = await compared(page, cluster, () => page.api.apply(cluster, text));
  return { text: 'applied', objects: done.objects, flows, findings: findingsOf(done, page.findings.value) };
}

/** @throws ApiError */
async function removed(page: PageState, cluster: string, object: ListedObject): Promise<Outcome> {
  const { flows } = await compared(page, cluster, () => page.api.remove(cluster, object));
  return { text: 'removed', flows, findings: [] };
}

/** What would become of the flows; nothing is changed. @throws ApiError */
async function asked(page: PageState, cluster: string, change: Wanted): Promise<Outcome> {
  const flows = page.flows.value.slice(0, MAX_FLOWS).map(flowOf);
  const answer = await page.api.whatIf(cluster, { changes: [change], flows });
  return { text: 'onlyAsked', flows: answer.flows, findings: answer.findings ?? [] };
}

/** Where the flow goes that was sent last, or would be sent; else where the first pod is. */
function namespaceOfInterest(page: PageState): string {
  const { to, from } = page.flows.value[0] ?? page.sender.value;
  return namespaceOf(to) ?? namespaceOf(from) ?? page.pods.value[0]?.namespace ?? 'default';
}

/** What is wrong in the text, at its lines. */
const mistakesIn = ({ problem: { errors = [] } }: ApiError): readonly Remark[] =>
  errors.map(({ message, line = 1 }) => ({ message: toldOf(message).words, line, severity: 'error' }));

/** The editor, for as long as the tool is open. What was written is kept; where nothing was, a new policy stands there. */
function useEditor(text: Signal<string>, onApply: () => void) {
  const page = usePage();
  const say = useTexts();
  const place = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | undefined>(undefined);
  const apply = useRef(onApply);
  apply.current = onApply;
  useEffect(() => {
    if (place.current === null) return undefined;
    const made = new Editor(place.current, { label: say('changeTab'), onApply: () => apply.current() });
    editor.current = made;
    const template = denyAll(namespaceOfInterest(page));
    made.text = text.peek() === '' ? template : text.peek();
    return () => {
      text.value = made.text === template ? '' : made.text;
      made.destroy();
    };
  }, []);
  return { place, editor };
}

/** One thing at a time, in the cluster that is shown; its outcome is marked in the editor. */
function useWork(outcome: Signal<Outcome | undefined>, mark: (remarks: readonly Remark[]) => void) {
  const page = usePage();
  const busy = useSignal(false);
  const work = async (act: (cluster: string) => Promise<Outcome>): Promise<void> => {
    if (busy.value) return;
    busy.value = true;
    outcome.value = undefined;
    mark([]);
    const marked = (cluster: string): Promise<Outcome> =>
      act(cluster).catch((error: unknown) => {
        if (error instanceof ApiError) mark(mistakesIn(error));
        throw error;
      });
    try {
      await page.attemptHere('change', marked, (found) => {
        outcome.value = found;
        mark(remarksOf(found.findings));
      });
    } finally {
      busy.value = false;
    }
  };
  return { busy, work };
}

export function Change() {
  const page = usePage();
  const say = useTexts();
  const objects = useObjects();
  const { chosen, now, choose, readAs } = useChosen();
  const outcome = useSignal<Outcome | undefined>(undefined);
  const { busy, work } = useWork(outcome, (remarks) => editor.current?.mark(remarks));
  const text = (): string => editor.current?.text ?? '';
  const apply = (): void => {
    const applying = text();
    void work(async (cluster) => {
      const found = await applied(page, cluster, applying);
      if (page.current.value === cluster) readAs(found.objects);
      return found;
    });
  };
  const { place, editor } = useEditor(page.draft, apply);
  const remove = (object: ListedObject): void => {
    choose(undefined);
    void work((cluster) => removed(page, cluster, object));
  };
  const edit = (object: ListedObject | undefined): void => {
    choose(object);
    outcome.value = undefined;
    if (editor.current === undefined) return;
    editor.current.text = object === undefined ? denyAll(namespaceOfInterest(page)) : stringify(written(object.object));
    if (object !== undefined) editor.current.mark(remarksOf(findingsAbout(object, page.findings.value), text()));
  };
  const open = useOpening(edit);
  const { value: object } = chosen;
  return (
    <div class="change-tool">
      <p class="hint">{say('changeHelp')}</p>
      <ObjectChoice objects={objects.value} chosen={object} onChoose={open} />
      {object !== undefined && !busy.value && (
        <ChangedElsewhere title={titleOf(object)} read={object} now={now.value} onRead={edit} />
      )}
      <div class="editor" ref={place} />
      <div class="row wrap">
        <button type="button" class="primary" aria-busy={busy.value} onClick={apply}>
          {say(busy.value ? 'applying' : 'apply')}
        </button>
        <button type="button" onClick={() => void work((cluster) => asked(page, cluster, { apply: text() }))}>
          {say('whatIf')}
        </button>
        {object !== undefined && (
          <>
            <span class="grow" />
            <button
              type="button"
              onClick={() => void work((cluster) => asked(page, cluster, { delete: keyOnly(object) }))}
            >
              {say('whatIfRemoved')}
            </button>
            <RemoveButton key={keyOf(object)} object={object} onRemove={() => remove(object)} />
          </>
        )}
      </div>
      {outcome.value !== undefined && <FindingLines findings={outcome.value.findings} />}
      <FlowTable outcome={outcome.value} />
    </div>
  );
}

/** Asks once. */
function RemoveButton({ object, onRemove }: { readonly object: ListedObject; readonly onRemove: () => void }) {
  const say = useTexts();
  const asking = useSignal(false);
  if (!asking.value)
    return (
      <button type="button" class="danger" onClick={() => (asking.value = true)}>
        {say('remove')}
      </button>
    );
  return (
    <span class="row wrap" role="alertdialog" aria-label={say('removeAsked', { object: titleOf(object) })}>
      <b>{say('removeAsked', { object: titleOf(object) })}</b>
      <button type="button" class="danger" onClick={onRemove}>
        {say('removeSurely')}
      </button>
      <button type="button" onClick={() => (asking.value = false)}>
        {say('keep')}
      </button>
    </span>
  );
}

function ObjectChoice({
  objects,
  chosen,
  onChoose,
}: {
  readonly objects: readonly ListedObject[];
  readonly chosen: ListedObject | undefined;
  readonly onChoose: (object: ListedObject | undefined) => void;
}) {
  const say = useTexts();
  const sorted = objects.toSorted((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind));
  return (
    <div class="row">
      <label class="field grow">
        <span>{say('chooseObject')}</span>
        <select
          value={chosen === undefined ? '' : keyOf(chosen)}
          onChange={({ currentTarget: { value } }) => onChoose(objects.find((one) => keyOf(one) === value))}
        >
          <option value="">{say('newPolicy')}</option>
          {sorted.map((object) => (
            <option key={keyOf(object)} value={keyOf(object)}>
              {titleOf(object)}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

function FlowTable({ outcome }: { readonly outcome: Outcome | undefined }) {
  const page = usePage();
  const say = useTexts();
  const { value: flows } = page.flows;
  if (outcome === undefined)
    return (
      <section>
        <h4>{say('flowsBefore')}</h4>
        {flows.length === 0 && <p class="hint">{say('noFlows')}</p>}
        <ul class="plain-list tight">
          {flows.slice(0, MAX_FLOWS).map((flow) => (
            <li key={`${flow.from} ${flow.to} ${flow.protocol}`}>
              {flow.from} → {flow.to} <small>{flow.protocol}</small>
            </li>
          ))}
        </ul>
      </section>
    );
  const changed = outcome.flows.filter(({ before, after }) => before.verdict !== after.verdict);
  const counts = { changed: changed.length, count: outcome.flows.length };
  const isAsked = outcome.text === 'onlyAsked';
  const same = isAsked ? 'flowsWouldStay' : 'flowsSame';
  const others = isAsked ? 'flowsWouldChange' : 'flowsChanged';
  return (
    <section aria-live="polite">
      <h4>
        {!isAsked && `${say(outcome.text)} `}
        {outcome.flows.length > 0 && say(changed.length === 0 ? same : others, counts)}
      </h4>
      {isAsked && <p class="hint">{say(outcome.text)}</p>}
      <ul class="flows">
        {outcome.flows.map(({ from, to, protocol, before, after }) => (
          <li key={`${from} ${to} ${protocol}`} class={before.verdict === after.verdict ? '' : 'changed'}>
            <p>
              {from} → {to} <small>{protocol}</small>
            </p>
            <p class="row">
              <VerdictMark verdict={before.verdict} />
              <span aria-hidden="true">→</span>
              <VerdictMark verdict={after.verdict} />
            </p>
            {before.verdict !== after.verdict && <p>{after.explanation.join(' ')}</p>}
          </li>
        ))}
      </ul>
    </section>
  );
}
