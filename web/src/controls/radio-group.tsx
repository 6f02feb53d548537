/** Buttons of which one is chosen. */

import { chooseByKey } from '../roving.js';

export function RadioGroup<T extends string>({
  label,
  options,
  chosen,
  onChoose,
}: {
  readonly label: string;
  readonly options: readonly (readonly [value: T, text: string])[];
  readonly chosen: T;
  readonly onChoose: (value: T) => void;
}) {
  return (
    <div class="kinds" role="radiogroup" aria-label={label} onKeyDown={chooseByKey}>
      {options.map(([value, text]) => (
        <button
          key={value}
          type="button"
          role="radio"
          aria-checked={chosen === value}
          tabIndex={chosen === value ? 0 : -1}
          onClick={() => onChoose(value)}
        >
          {text}
        </button>
      ))}
    </div>
  );
}
