/** Runs one sequence of calls and changes on the real and on the emulated machine, and compares after each. */

import t, { type Test } from 'tap';
import type { CniJson, CniObject } from '../../../src/cni/index.js';
import {
  type Change,
  EmulatedMachine,
  type Machine,
  needsRealPlugins,
  Numbering,
  parseObject,
  RealMachine,
  type Side,
} from './machines.js';

export interface Invocation {
  readonly plugin: string;
  /** CNI_COMMAND. */
  readonly command: string;
  /** The configuration; `DATA_DIR` in it is where files may be. Text is taken as it is. */
  readonly conf: CniObject | string;
  /** The last ADD's own result goes along. */
  readonly withPrevResult?: true;
  readonly containerId?: string;
  readonly ifName?: string;
  readonly args?: string;
  readonly netns?: Side | 'missing';
}

export type Step = Invocation | Change;

const isChange = (step: Step): step is Change => 'real' in step;

const NEEDS = needsRealPlugins();

/** One machine's way through the steps. */
class Walk {
  readonly machine: Machine;
  readonly #numbering = new Numbering();
  #result: CniObject | undefined = undefined;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  /** What the step did, in words that both machines share. */
  take(step: Step): string {
    if (isChange(step)) {
      this.machine.change(step);
      return 'changed by hand';
    }
    const { exitCode, stdout } = this.machine.call({
      plugin: step.plugin,
      env: {
        CNI_COMMAND: step.command,
        CNI_CONTAINERID: step.containerId ?? 'c1',
        CNI_IFNAME: step.ifName ?? 'eth0',
        CNI_ARGS: step.args ?? '',
      },
      netns: step.netns ?? 'pod',
      stdin: this.#stdin(step),
    });
    if (exitCode === 0 && step.command === 'ADD') this.#result = parseObject(stdout);
    const said = `exit ${exitCode}\n${stdout}`
      .replaceAll(' \\"1.1.0\\"]', ']')
      // The real plugin prints where the value is kept.
      .replace(/(all-multicast mode of \S+ is )\S+,/, '$1…,');
    return this.#numbering.apply(said);
  }

  describe(): string {
    return this.#numbering.apply(this.machine.describe());
  }

  #stdin({ conf, withPrevResult }: Invocation): string {
    if (typeof conf === 'string') return conf;
    const whole: { readonly [key: string]: CniJson } =
      withPrevResult === undefined || this.#result === undefined ? conf : { ...conf, prevResult: this.#result };
    return JSON.stringify(whole).replaceAll('DATA_DIR', this.machine.dataDir);
  }
}

const titleOf = (step: Step): string =>
  isChange(step)
    ? `${step.side}# ${step.real}`
    : `${step.plugin} ${step.command}${step.containerId === undefined ? '' : ` of ${step.containerId}`}`;

/** As many cases as there are in one process get namespaces of their own. */
const labels = (function* (): Generator<string, never> {
  for (let i = 0; ; i += 1) yield `${process.pid}-${i}`;
})();

/** Both machines answer alike and look alike after every step. */
export function bothDoTheSame(name: string, steps: readonly Step[]): void {
  t.test(name, NEEDS, (t: Test) => {
    const real = new RealMachine(labels.next().value);
    const emulated = new EmulatedMachine(real);
    t.teardown(() => real.close());
    const [wanted, found] = [new Walk(real), new Walk(emulated)];
    for (const step of steps) {
      const [answer, state] = [wanted.take(step), wanted.describe()];
      t.equal(found.take(step), answer, `${titleOf(step)}: the answer`);
      t.same(found.describe().split('\n'), state.split('\n'), `${titleOf(step)}: what it left`);
    }
    t.end();
  });
}
