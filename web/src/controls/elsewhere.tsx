/** What is in the editor, and what others make of it meanwhile. */

import type { ListedObject } from '../api-types.js';
import { useTexts } from '../context.js';
import { written } from './written.js';

/** A status is nobody's to write. */
const spec = ({ object }: ListedObject): string => JSON.stringify({ ...written(object), status: undefined });

/** `now` is undefined where the object is there no more. */
export function ChangedElsewhere({
  title,
  read,
  now,
  onRead,
}: {
  readonly title: string;
  readonly read: ListedObject;
  readonly now: ListedObject | undefined;
  readonly onRead: (object: ListedObject) => void;
}) {
  const say = useTexts();
  if (now !== undefined && spec(now) === spec(read)) return null;
  return (
    <p class="row wrap elsewhere" role="status">
      <span class="grow">{say(now === undefined ? 'removedElsewhere' : 'changedElsewhere', { object: title })}</span>
      {now !== undefined && (
        <button type="button" onClick={() => onRead(now)}>
          {say('readAgain')}
        </button>
      )}
    </p>
  );
}
