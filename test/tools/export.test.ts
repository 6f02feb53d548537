/** What `export netns` writes of a machine's policy rules. */

import t from 'tap';
import type { RuleState } from '../../src/kernel/host-state.js';
import { ruleLines } from '../../src/tools/export/ip-lines.js';

const rule = (fields: Partial<RuleState>): RuleState => ({
  priority: 0,
  not: false,
  action: 'lookup',
  protocol: 0,
  because: [],
  ...fields,
});
const OF_EVERY_NAMESPACE = [
  rule({ priority: 0, table: 255 }),
  rule({ priority: 32_766, table: 254 }),
  rule({ priority: 32_767, table: 253 }),
];

t.test('the three rules of every namespace are not written, and any other is', (t) => {
  t.same(ruleLines(OF_EVERY_NAMESPACE), []);
  t.same(
    ruleLines([
      ...OF_EVERY_NAMESPACE,
      rule({ priority: 100, action: 'unreachable' }),
      rule({ priority: 200, action: 'prohibit', ipProtocol: 17 }),
      rule({ priority: 32_766, table: 254, tos: 16 }),
    ]),
    [
      'rule add pref 100 from all unreachable',
      'rule add pref 200 from all ipproto 17 prohibit',
      'rule add pref 32766 from all tos 0x10 lookup 254',
    ],
  );
  t.end();
});
