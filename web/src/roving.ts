/** Groups of which one button is chosen: one stop of the tab key, arrow keys within (WAI-ARIA APG, radio group and tabs). */

import { chosenByKey } from './next-choice.js';

/** The next button of the group is chosen, and has the focus. */
export function chooseByKey(event: KeyboardEvent): void {
  const { currentTarget: group, target, key } = event;
  if (!(group instanceof HTMLElement)) return;
  const buttons = [...group.querySelectorAll('button')];
  const next = chosenByKey(
    key,
    buttons.findIndex((one) => one === target),
    buttons.length,
  );
  if (next === undefined) return;
  event.preventDefault();
  buttons[next]?.focus();
  buttons[next]?.click();
}
