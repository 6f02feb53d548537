import t from 'tap';
import { labelRestrictions } from '../../../src/calico/policy/label-restrictions.js';
import { formatToken, tokenizeSelector } from '../../../src/calico/policy/selector-tokens.js';
import { parseSelector, renameLabels, formatSelector } from '../../../src/calico/policy/selector.js';
import { type Json, loadVector, NEEDS_VECTORS } from './vectors.js';

function errorOf(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

t.test('selectors parse, print and match as upstream', NEEDS_VECTORS, async (t) => {
  const vectors = loadVector('selector/selectors.json');
  for (const one of vectors.get('selectors').list()) {
    const text = one.get('selector').text();
    const selector = parseSelector(text);
    t.equal(selector.text, one.get('canonical').text(), `canonical form of ${text}`);
    t.equal(selector.uniqueId, one.get('uid').text(), `id of ${text}`);
    for (const labels of one.get('matches').list()) t.ok(selector.matches(labels.labels()), `${text} matches`);
    for (const labels of one.get('nonMatches').list())
      t.notOk(selector.matches(labels.labels()), `${text} does not match`);
  }
  for (const one of vectors.get('canonicalisation').list()) {
    const selector = parseSelector(one.get('input').text());
    t.equal(selector.text, one.get('expected').text());
    t.equal(selector.uniqueId, one.get('computedUid').text());
  }
  for (const one of vectors.get('crossProduct').list()) {
    const [text, labels] = [one.get('selector').text(), one.get('labels').labels()];
    t.equal(parseSelector(text).matches(labels), one.get('match').flag(), `${text} over ${JSON.stringify(labels)}`);
  }
  for (const one of vectors.get('visitorPrefix').list()) {
    const { root } = parseSelector(one.get('input').text());
    t.equal(formatSelector(renameLabels(root, (label) => one.get('prefix').text() + label)), one.get('output').text());
  }
});

t.test('broken selectors are refused in upstream words', NEEDS_VECTORS, async (t) => {
  const vectors = loadVector('selector/selectors.json');
  const errors = vectors.get('badSelectorErrors').labels();
  for (const text of vectors.get('badSelectors').texts()) {
    t.equal(
      errorOf(() => parseSelector(text)),
      errors[text],
      `error of ${text}`,
    );
  }
});

const asUpstreamPrints = (one: Json): string[] =>
  one
    .get('tokens')
    .list()
    .map((token) => `${token.get('kind').text()}(${token.get('value').text()})`);

t.test('selectors are split in the same tokens', NEEDS_VECTORS, async (t) => {
  for (const one of loadVector('selector/tokenizer.json').list()) {
    const text = one.get('input').text();
    const error = one.get('error').textOr('');
    if (error === '') t.same(tokenizeSelector(text).map(formatToken), asUpstreamPrints(one), text);
    else
      t.equal(
        errorOf(() => tokenizeSelector(text)),
        error,
        text,
      );
  }
});

t.test('a selector restricts labels as upstream says', NEEDS_VECTORS, async (t) => {
  for (const one of loadVector('selector/label_restrictions.json').list()) {
    const text = one.get('selector').text();
    const found = Object.fromEntries(labelRestrictions(parseSelector(text).root));
    t.same(found, one.get('restrictions').value, text);
  }
});
