/** What went wrong last, in the server's own words, with file, line and field. */

import { usePage, useTexts } from '../context.js';

export function ProblemNote() {
  const page = usePage();
  const say = useTexts();
  const { value: error } = page.problem;
  if (error === undefined) return null;
  const { title, errors = [] } = error.problem;
  const isAway = error.status === 0;
  return (
    <div class="note" role="alert">
      <strong>{isAway ? say('serverAway') : (title ?? say('problem'))}</strong>
      {errors.length === 0 && <p>{isAway ? say('serverAwayHelp') : error.message}</p>}
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
