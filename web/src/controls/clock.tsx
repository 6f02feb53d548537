/** Virtual time: run, pause, one event, how fast. */

import { useSignal, useSignalEffect } from '@preact/signals';
import type { Clock } from '../api-types.js';
import { usePage, useTexts } from '../context.js';
import { Icon } from '../icons.js';
import { secondsText } from '../time.js';

const PACES = [0.1, 1, 10, 100];
/** How often a running clock is read. */
const READ_MS = 500;

export function ClockControls() {
  const page = usePage();
  const say = useTexts();
  const pace = useSignal(1);
  const { value: clock } = page.clock;
  const running = clock?.running === true;
  useSignalEffect(() => {
    if (page.clock.value?.running !== true) return undefined;
    const timer = setInterval(() => void page.readClock(), READ_MS);
    return () => clearInterval(timer);
  });
  /** When one event was asked for and none was waiting. */
  const idleNs = useSignal<number | undefined>(undefined);
  const does = (action: (name: string) => Promise<Clock>) => (): void => void page.turnClock(action);
  const step = does(async (name) => {
    const stepped = await page.api.stepClock(name);
    idleNs.value = stepped.ran === 0 ? stepped.nowNs : undefined;
    return stepped;
  });
  const idle = clock !== undefined && clock.nowNs === idleNs.value && clock.nextEventNs === undefined;
  const setPace = (value: number): void => {
    pace.value = value;
    if (running) does((name) => page.api.runClock(name, value))();
  };
  return (
    <div class="clock" role="group" aria-label={say('virtualTime')}>
      {running ? (
        <button
          type="button"
          class="icon"
          title={say('pause')}
          aria-label={say('pause')}
          onClick={does(page.api.pauseClock)}
        >
          <Icon name="pause" />
        </button>
      ) : (
        <button
          type="button"
          class="icon"
          title={say('run')}
          aria-label={say('run')}
          onClick={does((name) => page.api.runClock(name, pace.value))}
        >
          <Icon name="run" />
        </button>
      )}
      <button type="button" class="icon" title={say('step')} aria-label={say('step')} disabled={running} onClick={step}>
        <Icon name="step" />
      </button>
      <output title={say('virtualTime')}>{secondsText(clock?.nowNs ?? 0)} s</output>
      <select
        aria-label={say('speed')}
        title={say('speed')}
        value={pace.value}
        onChange={({ currentTarget: { value } }) => setPace(Number(value))}
      >
        {PACES.map((one) => (
          <option key={one} value={one}>
            {one}×
          </option>
        ))}
      </select>
      <small role="status">{idle && say('noEvents')}</small>
    </div>
  );
}
