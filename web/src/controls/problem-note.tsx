/** What went wrong last, in the server's own words, with file, line and field. */

import { usePage, useTexts } from '../context.js';
import { isAway, isOfForm, toldOf } from '../state/problem.js';

/** Names that are near, where the message does not say them. */
const unsaid = (message: string, near: readonly string[]): boolean =>
  near.length > 0 && !near.every((one) => message.includes(one));

function Message({ text }: { readonly text: string }) {
  const say = useTexts();
  const { words, at } = toldOf(text);
  return (
    <>
      {at !== undefined && <code>{say('lineColumn', { line: at.line, column: at.column })} </code>}
      {words}
    </>
  );
}

/** Below the form, or at the bottom of the page. */
export function ProblemNote({ at }: { readonly at: 'form' | 'page' }) {
  const page = usePage();
  const say = useTexts();
  const { value: problem } = page.problem;
  if (problem === undefined || isOfForm(problem) !== (at === 'form')) return null;
  const { error } = problem;
  const { title, errors = [] } = error.problem;
  const away = isAway(problem);
  return (
    <div class={`note at-${at}`} role="alert">
      <strong>{away ? say('serverAway') : (title ?? say('problem'))}</strong>
      {errors.length === 0 && <p>{away ? say('serverAwayHelp') : <Message text={error.message} />}</p>}
      <ul>
        {errors.slice(0, 8).map(({ message, file, field, near = [] }) => (
          <li key={message}>
            {/* With a file, the message begins with where it is. */}
            {file === undefined && field !== undefined && <code>{field} </code>}
            <Message text={message} />
            {unsaid(message, near) && <em> {near.join(', ')}</em>}
          </li>
        ))}
      </ul>
      <button type="button" class="quiet" onClick={() => (page.problem.value = undefined)}>
        {say('close')}
      </button>
    </div>
  );
}
