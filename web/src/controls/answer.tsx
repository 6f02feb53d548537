/** What became of it, in plain words; what was sent before; what happened. */

import { useEffect, useRef } from 'preact/hooks';
import type { Branch, TraceSummary } from '../api-types.js';
import { usePage, useTexts } from '../context.js';
import { secondsText } from '../time.js';
import { Expected } from './expected.js';
import { Explanation } from './explanation.js';
import { VerdictMark } from './verdict-mark.js';

const endText = ({ label, port }: { readonly label: string; readonly port?: number }): string =>
  port === undefined ? label : `${label}:${port}`;

export function Answer() {
  const page = usePage();
  const say = useTexts();
  const { value: answer } = page.answer;
  const notSent = page.flows.value.length > 0 || page.problem.value?.action === 'send';
  return (
    <>
      <CommandAnswer />
      {answer === undefined ? (
        <p class="hint">{say(notSent ? 'notSent' : 'noAnswer')}</p>
      ) : (
        <TraceAnswer answer={answer} />
      )}
      <Expected />
      <Earlier />
      <Events />
    </>
  );
}

/** What the command printed, which is what was asked for; how packets get there is traced below. */
function CommandAnswer() {
  const page = usePage();
  const say = useTexts();
  const { value: given } = page.commandAnswer;
  if (given === undefined) return null;
  const { command, answer } = given;
  const words = command.join(' ');
  return (
    <section class="card" aria-live="polite">
      <h3>
        {say('commandAnswer')} <code>{words}</code>
      </h3>
      <pre class="output" tabIndex={0} aria-label={words}>
        {`${answer.stdout}${answer.stderr}`.trimEnd()}
      </pre>
    </section>
  );
}

function TraceAnswer({ answer }: { readonly answer: TraceSummary }) {
  const page = usePage();
  const say = useTexts();
  const { from, to, protocol, verdict, explanation, branches } = answer;
  const { value: given } = page.commandAnswer;
  const open = (): void => page.go({ cluster: page.current.value ?? '', trace: answer.id });
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    // Who comes back from the trace is where it was opened.
    if (page.leftTrace.value === answer.id && document.activeElement === document.body) button.current?.focus();
    page.leftTrace.value = undefined;
  }, []);
  return (
    <section class="card answer" data-verdict={verdict} aria-live="polite">
      {given !== undefined && (
        <>
          <h3>{say('traceApart')}</h3>
          <p class="hint">{say('traceApartHelp', { command: given.command[0] ?? '' })}</p>
        </>
      )}
      <div class="row">
        <VerdictMark verdict={verdict} />
        <span class="grow" />
        <button type="button" class="primary" ref={button} onClick={open}>
          {say('openTrace')}
        </button>
      </div>
      <p class="ends">
        {from.label} <span aria-hidden="true">→</span> {endText(to)} <small>{protocol}</small>
      </p>
      <Explanation sentences={explanation} />
      {branches.length > 1 && <Branches answer={answer} chosen={-1} onChoose={open} />}
    </section>
  );
}

/** Every way that chance can take, as wide as it is likely. */
export function Branches({
  answer,
  chosen,
  onChoose,
}: {
  readonly answer: TraceSummary;
  readonly chosen: number;
  readonly onChoose: (branch: number) => void;
}) {
  const say = useTexts();
  return (
    <div class="branches">
      <h4>{say('branches')}</h4>
      {answer.branches.map(({ probability, verdict, reached, choices }: Branch, i) => (
        <button key={`${reached}-${i}`} type="button" aria-pressed={chosen === i} onClick={() => onChoose(i)}>
          <i style={{ width: `${(probability * 100).toFixed(1)}%` }} />
          <span>{reached || '–'}</span>
          <b>{(probability * 100).toFixed(1)} %</b>
          <VerdictMark verdict={verdict} />
          {choices.map(({ of, asked, went }) => (
            <small key={`${of} ${asked} ${went}`} class="mono">
              {of === 'resolution' ? 'DNS: ' : ''}
              {asked} → {went}
            </small>
          ))}
        </button>
      ))}
      {!answer.complete && <small>{say('incompleteBranches')}</small>}
    </div>
  );
}

function Earlier() {
  const page = usePage();
  const say = useTexts();
  // The last one stands above, where it was answered.
  const flows = page.flows.value.slice(page.answer.value === undefined ? 0 : 1, 8);
  if (flows.length === 0) return null;
  return (
    <section>
      <h3>{say('earlier')}</h3>
      <ul class="plain-list">
        {flows.map((flow) => (
          <li key={`${flow.from} ${flow.to} ${flow.protocol}`}>
            <button type="button" class="line" onClick={() => void page.send((page.sender.value = flow))}>
              {flow.from} → {flow.to} <small>{flow.protocol}</small>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Events() {
  const page = usePage();
  const say = useTexts();
  const events = page.live.events.value.filter(({ event }) => event !== 'clock').slice(0, 40);
  return (
    <section>
      <h3>{say('events')}</h3>
      {events.length === 0 ? (
        <p class="hint">{say('noEventsYet')}</p>
      ) : (
        <ul class="plain-list events">
          {events.map(({ seq, timeNs, event, subject, detail, because = [] }) => (
            <li key={seq}>
              <time>{secondsText(timeNs)} s</time> <b>{say(`event_${event}`)}</b> {subject}{' '}
              {detail !== undefined && !event.startsWith('fault-') && <small>{detail}</small>}
              {because.map((cause) => (
                <span key={cause} class="tag" title={say('objectBehind')}>
                  {cause}
                </span>
              ))}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
