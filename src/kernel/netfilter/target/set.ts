/** `-j SET`: puts addresses of packets into sets and takes them out; net/netfilter/xt_set.c:set_target_v3(). */

import type { SetSlot } from '../ipset/set.js';
import { type Target, type TargetKind, RuleError } from '../extension.js';
import { acquireSet, parseSetFlags } from '../match/set.js';
import type { Options } from '../options.js';

const FORMS = ['--add-set', '--del-set'] as const;

interface SetAction {
  readonly form: (typeof FORMS)[number];
  readonly name: string;
  readonly flags: readonly ('src' | 'dst')[];
}

function parseAction(options: Options, form: (typeof FORMS)[number]): SetAction | undefined {
  const name = options.text(form);
  return name === undefined ? undefined : { form, name, flags: parseSetFlags(options.second(form)) };
}

export const set = {
  options: {
    '--add-set': { arguments: 2 },
    '--del-set': { arguments: 2 },
    '--exist': { arguments: 0 },
    '--timeout': {},
  },
  parse(options): Target {
    const actions = FORMS.map((form) => parseAction(options, form)).filter((action) => action !== undefined);
    if (actions.length === 0) throw new RuleError("You must specify either `--add-set' or `--del-set' or `--map-set'");
    const exist = options.has('--exist');
    const timeoutS = options.number('--timeout');
    const slots: SetSlot[] = [];
    return {
      outcome: 'continue',
      attach(netns) {
        for (const { name } of actions) slots.push(acquireSet(netns, name));
      },
      detach(netns) {
        for (const slot of slots.splice(0)) netns.ipsets.release(slot);
      },
      apply(packet) {
        actions.forEach(({ form, flags }, i) => {
          const target = slots[i]?.set;
          const change = { flags, exist, timeoutS };
          if (form === '--add-set') target?.addPacket(packet, change);
          else target?.deletePacket(packet, change);
        });
        return 'continue';
      },
      toString: () =>
        [
          ...actions.map(({ form, name, flags }) => `${form} ${name} ${flags.join()}`),
          ...(exist ? ['--exist'] : []),
          ...(timeoutS === undefined ? [] : [`--timeout ${timeoutS}`]),
        ].join(' '),
    };
  },
} satisfies TargetKind;
