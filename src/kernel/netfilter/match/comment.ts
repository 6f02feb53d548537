/** `-m comment --comment TEXT`: nothing but words; net/netfilter/xt_comment.c. */

import { type MatchKind, RuleError } from '../extension.js';
import { quoteWord } from '../text/tokenize.js';

/** XT_MAX_COMMENT_LEN with its final zero. */
const MAX_LENGTH = 255;

export const comment = {
  options: { '--comment': {} },
  pure: true,
  decorative: true,
  parse(options) {
    const text = options.require('--comment');
    if (text.length > MAX_LENGTH) throw new RuleError('comment: COMMENT must be shorter than 256 characters');
    return { matches: () => true, toString: () => `--comment ${quoteWord(text)}` };
  },
} satisfies MatchKind;
