/** How a connection ended, in a word and a colour. */

import type { Verdict } from '../api-types.js';
import { useTexts } from '../context.js';

export function VerdictMark({ verdict }: { readonly verdict: Verdict | 'none' }) {
  const say = useTexts();
  const tone = verdict === 'answered' ? 'good' : ['unknown', 'unanswered', 'none'].includes(verdict) ? 'doubt' : 'bad';
  return <span class={`verdict ${tone}`}>{say(`verdict_${verdict}`)}</span>;
}
