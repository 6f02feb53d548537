/** Connections that the cluster's own files tell of (`Expectations`): sent with a click, and held against what is expected. */

import { useSignal, useSignalEffect } from '@preact/signals';
import type { ListedObject, TraceRequest, Verdict } from '../api-types.js';
import { usePage, useTexts } from '../context.js';
import { VerdictMark } from './verdict-mark.js';

interface Expectation {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly protocol?: TraceRequest['protocol'];
  readonly verdict?: Verdict;
}

const tracesOf = ({ object }: ListedObject): readonly Expectation[] =>
  (object?.['spec'] as { traces?: readonly Expectation[] } | undefined)?.traces ?? [];

const requestOf = ({ from, to, protocol = 'tcp' }: Expectation): TraceRequest => ({
  from,
  to,
  protocol,
  branches: 'one',
});

export function Expected() {
  const page = usePage();
  const say = useTexts();
  const expected = useSignal<readonly Expectation[]>([]);
  const found = useSignal<ReadonlyMap<string, Verdict>>(new Map());
  useSignalEffect(() => {
    const name = page.current.value;
    expected.value = [];
    if (name === undefined) return;
    void page.api
      .objects(name, '&kind=Expectations')
      .then((objects) => (expected.value = objects.flatMap(tracesOf)))
      .catch(() => undefined);
  });
  const send = async (one: Expectation): Promise<void> => {
    page.sender.value = requestOf(one);
    await page.send(requestOf(one));
    const verdict = page.answer.value?.verdict;
    if (verdict !== undefined) found.value = new Map([...found.value, [one.name, verdict]]);
  };
  if (expected.value.length === 0) return null;
  return (
    <section>
      <h3>{say('tryThese')}</h3>
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
  readonly found: Verdict | undefined;
  readonly onSend: () => void;
}

function ExpectedLine({ expected: { name, from, to, verdict }, found, onSend }: LineProps) {
  const say = useTexts();
  return (
    <li>
      <button type="button" class="line" onClick={onSend}>
        {name} {found !== undefined && <VerdictMark verdict={found} />}
        {found !== undefined && verdict !== undefined && found !== verdict && (
          <em class="bad"> {say('expectedOther', { verdict: say(`verdict_${verdict}`) })}</em>
        )}
        <br />
        <small class="mono">
          {from} → {to}
        </small>
      </button>
    </li>
  );
}
