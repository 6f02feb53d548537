import t from 'tap';
import type { Json } from '../../src/kubernetes/index.js';
import { Problem } from '../../src/server/problem.js';
import { applyPatch } from '../../src/server/session/patches.js';

const OBJECT = { group: '', kind: 'Pod', namespace: 'shop', name: 'web' };

const patched = (document: object, patch: Json) =>
  applyPatch(document as { [name: string]: Json }, { kind: 'json', patch }, OBJECT);

/** Why a patch does not apply, and the pointer to what is at fault in it. */
function refusal(document: object, patch: Json): { readonly detail: string; readonly field: string | undefined } {
  try {
    patched(document, patch);
  } catch (error) {
    if (error instanceof Problem) return { detail: error.message, field: error.errors[0]?.field };
    throw error;
  }
  return { detail: '', field: undefined };
}

t.test('the examples of RFC 6902, appendix A', (t) => {
  const cases: readonly (readonly [title: string, document: object, patch: Json, result: object])[] = [
    ['A.1 a member is added', { foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux' }], { baz: 'qux', foo: 'bar' }],
    [
      'A.2 an item is added',
      { foo: ['bar', 'baz'] },
      [{ op: 'add', path: '/foo/1', value: 'qux' }],
      { foo: ['bar', 'qux', 'baz'] },
    ],
    ['A.3 a member is removed', { baz: 'qux', foo: 'bar' }, [{ op: 'remove', path: '/baz' }], { foo: 'bar' }],
    [
      'A.4 an item is removed',
      { foo: ['bar', 'qux', 'baz'] },
      [{ op: 'remove', path: '/foo/1' }],
      { foo: ['bar', 'baz'] },
    ],
    [
      'A.5 a value is replaced',
      { baz: 'qux', foo: 'bar' },
      [{ op: 'replace', path: '/baz', value: 'boo' }],
      { baz: 'boo', foo: 'bar' },
    ],
    [
      'A.6 a value is moved',
      { foo: { bar: 'baz', waldo: 'fred' }, qux: { corge: 'grault' } },
      [{ op: 'move', from: '/foo/waldo', path: '/qux/thud' }],
      { foo: { bar: 'baz' }, qux: { corge: 'grault', thud: 'fred' } },
    ],
    [
      'A.7 an item is moved',
      { foo: ['all', 'grass', 'cows', 'eat'] },
      [{ op: 'move', from: '/foo/1', path: '/foo/3' }],
      { foo: ['all', 'cows', 'eat', 'grass'] },
    ],
    [
      'A.8 values are as expected',
      { baz: 'qux', foo: ['a', 2, 'c'] },
      [
        { op: 'test', path: '/baz', value: 'qux' },
        { op: 'test', path: '/foo/1', value: 2 },
      ],
      { baz: 'qux', foo: ['a', 2, 'c'] },
    ],
    [
      'A.10 a nested object is added',
      { foo: 'bar' },
      [{ op: 'add', path: '/child', value: { grandchild: {} } }],
      { foo: 'bar', child: { grandchild: {} } },
    ],
    [
      'A.11 other members are passed over',
      { foo: 'bar' },
      [{ op: 'add', path: '/baz', value: 'qux', xyz: 123 }],
      { foo: 'bar', baz: 'qux' },
    ],
    [
      'A.14 escapes are read once',
      { '/': 9, '~1': 10 },
      [{ op: 'test', path: '/~01', value: 10 }],
      { '/': 9, '~1': 10 },
    ],
    [
      'A.16 an array is added as an item',
      { foo: ['bar'] },
      [{ op: 'add', path: '/foo/-', value: ['abc', 'def'] }],
      { foo: ['bar', ['abc', 'def']] },
    ],
  ];
  for (const [title, document, patch, result] of cases) {
    const before = structuredClone(document);
    t.strictSame(patched(document, patch), result, title);
    t.strictSame(document, before, 'the document itself stays as it was');
  }
  t.match(refusal({ baz: 'qux' }, [{ op: 'test', path: '/baz', value: 'bar' }]), {
    detail: 'the patch does not apply: operation 0 (test /baz): /baz is "qux", not "bar"',
    field: '/0/path',
  });
  t.match(
    refusal({ foo: 'bar' }, [{ op: 'add', path: '/baz/bat', value: 'qux' }]).detail,
    /there is no \/baz$/,
    'A.12',
  );
  t.match(refusal({ '~1': 10 }, [{ op: 'test', path: '/~01', value: '10' }]).detail, /\/~01 is 10, not "10"$/, 'A.15');
  t.end();
});

t.test('pointers are held to RFC 6901', (t) => {
  const document = { list: ['a', 'b'], map: { 'a/b': 1, '': 2 }, text: 'c' };
  const cases: readonly (readonly [operation: Json, member: string, why: RegExp])[] = [
    [{ op: 'add', path: '/map/a~2b', value: 1 }, 'path', /"~2" is no escape of a JSON Pointer/],
    [{ op: 'remove', path: '/map/a~' }, 'path', /"~" is no escape of a JSON Pointer/],
    [{ op: 'copy', from: '/map/~', path: '/x' }, 'from', /"~" is no escape/],
    [{ op: 'add', path: 'map/x', value: 1 }, 'path', /"map\/x" is no JSON Pointer/],
    [{ op: 'replace', path: '/list/01', value: 'c' }, 'path', /"01" is no index of the list \/list/],
    [{ op: 'test', path: '/list/', value: 'a' }, 'path', /"" is no index/],
    [{ op: 'add', path: '/list/+1', value: 'c' }, 'path', /"\+1" is no index/],
    [{ op: 'add', path: '/list/length', value: 'c' }, 'path', /"length" is no index/],
    [{ op: 'remove', path: '/list/-' }, 'path', /"-" is the place behind the last item of \/list/],
    [{ op: 'replace', path: '/list/-', value: 'c' }, 'path', /"-" is the place behind/],
    [{ op: 'test', path: '/list/-', value: 'c' }, 'path', /"-" is the place behind/],
    [{ op: 'move', from: '/list/-', path: '/x' }, 'from', /"-" is the place behind/],
    [{ op: 'add', path: '/list/-/x', value: 'c' }, 'path', /"-" is the place behind/],
    [{ op: 'add', path: '/list/3', value: 'c' }, 'path', /there is no \/list\/3: \/list is a list of 2/],
    [{ op: 'move', from: '/list/0', path: '/list/2' }, 'path', /there is no \/list\/2: \/list is a list of 1/],
    [{ op: 'remove', path: '/map/toString' }, 'path', /there is no \/map\/toString$/],
    [{ op: 'copy', from: '/map/constructor', path: '/x' }, 'from', /there is no \/map\/constructor$/],
    [{ op: 'add', path: '/text/0', value: 'c' }, 'path', /\/text is "c", which has no fields/],
    [{ op: 'move', from: '/map', path: '/map/inside' }, 'path', /\/map cannot be moved into itself/],
    [{ op: 'remove', path: '' }, 'path', /the whole object cannot be taken away/],
    [{ op: 'remove' }, 'path', /path is missing/],
    [{ op: 'copy', path: '/x' }, 'from', /from is missing/],
    [{ op: 'add', path: 7, value: 1 }, 'path', /path is no text/],
    [{ op: 'replace', path: '/text' }, 'value', /value is missing/],
    [{ op: 'put', path: '/text' }, 'op', /op is one of add, remove, replace, move, copy, test$/],
    [{ op: 'add', path: '/a'.repeat(300), value: 1 }, 'path', /at most 256 steps/],
  ];
  for (const [operation, member, why] of cases) {
    const { detail, field } = refusal(document, [{ op: 'test', path: '/text', value: 'c' }, operation]);
    t.match(detail, why, JSON.stringify(operation));
    t.equal(field, `/1/${member}`);
  }
  t.strictSame(
    patched(document, [
      { op: 'move', from: '/map/a~1b', path: '/map/~01' },
      { op: 'add', path: '/map/', value: 3 },
      { op: 'add', path: '/list/2', value: 'c' },
      { op: 'add', path: '/list/-', value: 'd' },
    ]),
    { list: ['a', 'b', 'c', 'd'], map: { '~1': 1, '': 3 }, text: 'c' },
  );
  t.end();
});
