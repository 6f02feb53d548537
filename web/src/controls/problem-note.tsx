/** What went wrong last, in the server's own words, with file, line and field. */

import { usePage, useTexts } from '../context.js';
import { isAway } from '../state/problem.js';

export function ProblemNote() {
  const page = usePage();
  const say = useTexts();
  const { value: problem } = page.problem;
  if (problem === undefined) return null;
  const { error } = problem;
  const { title, errors = [] } = error.problem;
  const away = isAway(problem);
  return (
    <div class="note" role="alert">
      <strong>{away ? say('serverAway') : (title ?? say('problem'))}</strong>
      {errors.length === 0 && <p>{away ? say('serverAwayHelp') : error.message}</p>}
      <ul>
        {errors.slice(0, 8).map(({ message, file, field, near = [] }) => (
          <li key={message}>
            {/* With a file, the message begins with where it is. */}
            {file === undefined && field !== undefined && <code>{field} </code>}
            {message}
            {near.length > 0 && <em> {near.join(', ')}</em>}
          </li>
        ))}
      </ul>
      <button type="button" class="quiet" onClick={() => (page.problem.value = undefined)}>
        {say('close')}
      </button>
    </div>
  );
}
