/** `-m nfacct --nfacct-name NAME`: counts into a named object; net/netfilter/xt_nfacct.c:nfacct_mt(). */

import type { NfacctObject } from '../nfacct-table.js';
import { type Match, type MatchKind, RuleError } from '../extension.js';

/** NFACCT_NAME_MAX with its final zero. */
const MAX_NAME = 31;

export const nfacct = {
  options: { '--nfacct-name': {} },
  pure: false,
  parse(options): Match {
    const name = options.require('--nfacct-name');
    if (name.length > MAX_NAME) throw new RuleError(`nfacct: name \`${name}' too long`);
    let object: NfacctObject | undefined;
    return {
      // Differs: the kernel refuses the rule where nobody has made the object; here the rule makes it.
      attach(netns) {
        object = netns.netfilter.nfacct.ensure(name);
      },
      matches(packet) {
        if (object !== undefined) {
          object.packets += 1;
          object.bytes += packet.length;
        }
        return true;
      },
      // Two blanks, as the real one prints it.
      toString: () => `--nfacct-name  ${name}`,
    };
  },
} satisfies MatchKind;
