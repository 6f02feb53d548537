/** Connections that the cluster's own files tell of (`Expectations`): sent with a click, and held against what is expected. */

import { useSignal, useSignalEffect } from '@preact/signals';
import type { ExpectedResult, ListedObject, TraceRequest, Verdict } from '../api-types.js';
import { usePage, useTexts } from '../context.js';
import { VerdictMark } from './verdict-mark.js';

interface Expectation {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly protocol?: TraceRequest['protocol'];
  readonly size?: number;
  readonly verdict?: Verdict;
}

/** What became of one that was sent. */
type Found = Pick<ExpectedResult, 'verdict' | 'unmet'>;

const tracesOf = ({ object }: ListedObject): readonly Expectation[] =>
  (object?.['spec'] as { traces?: readonly Expectation[] } | undefined)?.traces ?? [];

const requestOf = ({ from, to, protocol = 'tcp', size }: Expectation): TraceRequest => ({
  from,
  to,
  protocol,
  ...(size === undefined ? {} : { size }),
  branches: 'one',
});

export function Expected() {
  const page = usePage();
  const say = useTexts();
  const expected = useSignal<readonly Expectation[]>([]);
  const found = useSignal<ReadonlyMap<string, Found>>(new Map());
  useSignalEffect(() => {
    const name = page.current.value;
    const run = page.scenarioRun.value;
    expected.value = [];
    found.value = new Map(run?.cluster === name ? run?.results.map((result) => [result.name, result]) : []);
    if (name === undefined) return;
    void page.api
      .objects(name, '&kind=Expectations')
      .then((objects) => (expected.value = objects.flatMap(tracesOf)))
      .catch(() => undefined);
  });
  const expectedOther = (verdict: Verdict): string => say('expectedOther', { verdict: say(`verdict_${verdict}`) });
  const send = async (one: Expectation): Promise<void> => {
    page.sender.value = requestOf(one);
    await page.send(requestOf(one));
    const verdict = page.answer.value?.verdict;
    if (verdict === undefined) return;
    const unmet = one.verdict === undefined || one.verdict === verdict ? [] : [expectedOther(one.verdict)];
    found.value = new Map([...found.value, [one.name, { verdict, unmet }]]);
  };
  if (expected.value.length === 0) return null;
  const met = [...found.value.values()].filter(({ unmet }) => unmet.length === 0).length;
  return (
    <section>
      <h3>
        {say('tryThese')} {found.value.size > 0 && <small>{say('asExpected', { met, count: found.value.size })}</small>}
      </h3>
      <ul class="plain-list">
        {expected.value.map((one) => (
          <ExpectedLine key={one.name} expected={one} found={found.value.get(one.name)} onSend={() => void send(one)} />
        ))}
      </ul>
    </section>
  );
}

interface LineProps {
  readonly expected: Expectation;
  readonly found: Found | undefined;
  readonly onSend: () => void;
}

function ExpectedLine({ expected: { name, from, to }, found, onSend }: LineProps) {
  return (
    <li>
      <button type="button" class="line" onClick={onSend}>
        {name} {found !== undefined && <VerdictMark verdict={found.verdict} />}
        {found?.unmet.map((words) => (
          <em key={words} class="bad">
            {' '}
            {words}
          </em>
        ))}
        <br />
        <small class="mono">
          {from} → {to}
        </small>
      </button>
    </li>
  );
}
