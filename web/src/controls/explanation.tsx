/** Why a packet ended as it did: a line for each sentence, with the rule that decided below its words. */

import { useTexts } from '../context.js';
import { sentenceOf } from '../trace/sentence.js';

export function Explanation({ sentences }: { readonly sentences: readonly string[] }) {
  return (
    <ul class="explanation">
      {sentences.map((text) => (
        <Line key={text} text={text} />
      ))}
    </ul>
  );
}

function Line({ text }: { readonly text: string }) {
  const say = useTexts();
  const { words, rule, causes } = sentenceOf(text);
  return (
    <li>
      {words}
      {rule !== undefined && <code>{rule}</code>}
      {causes.map((cause) => (
        <span key={cause} class="tag" title={say('objectBehind')}>
          {cause}
        </span>
      ))}
    </li>
  );
}
