/** A sentence of an answer, taken apart where it quotes a rule. */

export interface Sentence {
  readonly words: string;
  readonly rule?: string;
  /** Objects behind the rule. */
  readonly causes: readonly string[];
}

/** `node/a dropped it in …, chain C: rule 2, -d 10.0.0.1/32 -j DROP (Service shop/web, port http).` */
const QUOTED = /^(.*\brule \d+), (.+?)( is not modelled)?(?: \(([^()]*(?:\([^()]*\)[^()]*)*)\))?\.$/;

export function sentenceOf(text: string): Sentence {
  const [, words, rule, unknown = '', causes = ''] = QUOTED.exec(text) ?? [];
  if (words === undefined || rule === undefined) return { words: text, causes: [] };
  return { words: `${words}${unknown}:`, rule, causes: causes.split('; ').filter((cause) => cause !== '') };
}
