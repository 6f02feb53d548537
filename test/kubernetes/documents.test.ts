import { mkdtempSync, mkdirSync, rmSync, writeFileSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Declared, formatConfigError, loadDocuments, parseEmbedded, readSources } from '../../src/kubernetes/index.js';
import { podDump } from './kubectl-dump.js';

const load = (text: string, file = 'in.yaml') => loadDocuments([{ file, text }]);
const names = (text: string, file?: string) =>
  load(text, file).documents.map(({ kind, value }) => `${kind} ${JSON.stringify(value['metadata'])}`);

const POD = 'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n';

t.test('a stream is cut at its markers, and what is only comment is no document', (t) => {
  const text = `# top\n---\n${POD}---\n# nothing\n\n---   # a marker with a comment\n${POD.replace('a}', 'b}')}---\n`;
  t.same(names(text), ['Pod {"name":"a"}', 'Pod {"name":"b"}']);
  t.same(names(`%YAML 1.1\n---\n${POD}`), ['Pod {"name":"a"}'], 'a directive is no document');
  t.same(names(`\uFEFF${POD}`), ['Pod {"name":"a"}'], 'a byte order mark is passed over');
  t.same(names(POD.replaceAll('\n', '\r\n')), ['Pod {"name":"a"}'], 'lines may end as on Windows');
  t.same(names(''), []);
  t.end();
});

t.test('lists are flattened, nested and typed ones too', (t) => {
  const list = 'kind: List\napiVersion: v1\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: a}\n';
  t.same(names(list), ['Pod {"name":"a"}']);
  t.same(
    names('kind: PodList\napiVersion: v1\nitems:\n- metadata: {name: a}\n'),
    ['Pod {"name":"a"}'],
    'items of a typed list need no kind',
  );
  t.same(names('kind: List\napiVersion: v1\nitems:\n'), []);
  const nested = {
    kind: 'List',
    apiVersion: 'v1',
    items: [{ kind: 'PodList', apiVersion: 'v1', items: [{ metadata: { name: 'a' } }] }],
  };
  t.same(names(JSON.stringify(nested)), ['Pod {"name":"a"}']);
  t.end();
});

t.test('JSON is read by itself, one after the other, and inside YAML', (t) => {
  const pod = (name: string) => JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name } });
  t.same(names(`${pod('a')}\n${pod('b')}`, 'in.json'), ['Pod {"name":"a"}', 'Pod {"name":"b"}']);
  t.same(names(`${pod('a')}\n---\n${pod('b')}`, '-'), ['Pod {"name":"a"}', 'Pod {"name":"b"}']);
  t.same(names('{apiVersion: v1, kind: Pod, metadata: {name: a}}'), ['Pod {"name":"a"}'], 'a flow map is YAML');
  t.end();
});

const at = (text: string, path: readonly (string | number)[], file?: string): string => {
  const { line, column } = load(text, file).documents.at(-1)?.source.position(path) ?? { line: 0, column: 0 };
  return `${line}:${column}`;
};

t.test('a field stands where its value is, or its key where the value is on further lines', (t) => {
  const text = `# comment\n---\n\napiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n  - name: c\n    ports:\n    - containerPort: 80\n`;
  const flow = `---\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers: [{name: c,\n    ports: [{containerPort: 80}]}]\n`;
  t.equal(at(text, []), '4:1');
  t.equal(at(text, ['metadata', 'name']), '7:9');
  t.equal(at(text, ['spec']), '8:1');
  t.equal(at(text, ['spec', 'containers', 0, 'ports', 0, 'containerPort']), '12:22');
  t.equal(
    at(text, ['spec', 'containers', 0, 'nothing']),
    '10:5',
    'a field that is not there is looked for in what it would be in',
  );
  t.equal(at(flow, []), '3:1');
  t.equal(at(flow, ['metadata', 'name']), '5:18');
  t.equal(at(flow, ['spec', 'containers', 0, 'ports', 0, 'containerPort']), '8:29');
  t.end();
});

t.test('positions in a long list are those in the file', (t) => {
  const text = `# dump\n${podDump(30)}`;
  const { documents } = load(text);
  const lines = text.split('\n');
  t.equal(documents.length, 30);
  for (const i of [0, 1, 17, 29]) {
    const { source } = documents[i]!;
    t.equal(lines[source.line - 1]?.slice(source.column - 1), 'apiVersion: v1');
    const ip = source.position(['status', 'podIP']);
    t.match(lines[ip.line - 1]?.slice(ip.column - 1), new RegExp(`^10\\.244\\.0\\.${i + 1}$`));
    const port = source.position(['spec', 'containers', 0, 'ports', 1, 'containerPort']);
    t.equal(lines[port.line - 1]?.slice(port.column - 1), '9090');
  }
  t.end();
});

t.test('positions in JSON', (t) => {
  const value = {
    apiVersion: 'v1',
    kind: 'List',
    items: [{ kind: 'Pod', apiVersion: 'v1', metadata: { name: 'a', labels: {} } }],
  };
  const text = JSON.stringify(value, undefined, 2);
  const lines = text.split('\n');
  const position = load(text, 'a.json').documents[0]!.source.position(['metadata', 'name']);
  t.equal(lines[position.line - 1]?.slice(position.column - 1), '"a",');
  t.equal(at(text, [], 'a.json'), '5:5');
  t.equal(at(text, ['metadata', 'labels', 'x'], 'a.json'), '10:19');
  t.equal(at('{"apiVersion":"v1","kind":"A"}\n {"apiVersion":"v1", "kind":"B"}', ['kind'], 'a.json'), '2:29');
  t.end();
});

const MISTAKES: readonly [string, string, string][] = [
  ['a: b: c\n', 'in.yaml', 'in.yaml:1:4: expected valid YAML, got Nested mappings are not allowed in compact mappings'],
  [
    'kind: Pod\nmetadata: {}\n',
    'in.yaml',
    "in.yaml:1:1: apiVersion: expected the object's apiVersion as text, got nothing",
  ],
  ['apiVersion: v1\nkind: 7\n', 'in.yaml', "in.yaml:2:7: kind: expected the object's kind as text, got 7"],
  ['- a\n', 'in.yaml', 'in.yaml:1:1: expected a Kubernetes object, that is a map with apiVersion and kind, got a list'],
  ['---\nhello\n', '-', '-:2:1: expected a Kubernetes object, that is a map with apiVersion and kind, got "hello"'],
  ['apiVersion: v1\nkind: List\nitems: {}\n', 'in.yaml', 'in.yaml:3:8: items: expected a list, got a map'],
  [
    'apiVersion: v1\nkind: List\nitems:\n- 1\n',
    'in.yaml',
    'in.yaml:4:3: expected a Kubernetes object, that is a map with apiVersion and kind, got 1',
  ],
  ['{"kind": "Pod",}', 'in.json', 'in.json:1:16: expected a name in double quotes, got "}"'],
  ['{"kind": "Pod"', 'in.json', 'in.json:1:15: expected "," or "}", got the end of the text'],
  ['{"kind": Pod}', 'in.json', 'in.json:1:10: expected a JSON value, got "Pod}"'],
  [
    '{"kind": "P\\x"}',
    'in.json',
    'in.json:1:10: expected a string without raw control characters or unknown escapes, got "\\"P\\\\x\\"}"',
  ],
];

for (const [text, file, message] of MISTAKES) {
  t.test(`mistake: ${message}`, (t) => {
    const { errors } = load(text, file);
    t.same(errors.map(formatConfigError), [message]);
    t.end();
  });
}

t.test('one broken document does not hide the others', (t) => {
  const { documents, errors } = loadDocuments([
    { file: 'a.yaml', text: `${POD}---\na: b: c\n---\n${POD}` },
    { file: 'b.yaml', text: 'x: [\n' },
  ]);
  t.equal(documents.length, 2);
  t.same([...new Set(errors.map(({ file }) => file))], ['a.yaml', 'b.yaml']);
  t.end();
});

t.test('a slip is told once, not with all that follows from it', (t) => {
  const slip = 'apiVersion: v1\nkind: Pod\nmetadata: {name: a}}\nspec:\n  nodeName: n1\n  containers:\n  - name: c\n';
  const { errors } = loadDocuments([{ file: 'a.yaml', text: `${slip}---\n${slip}` }]);
  t.match(errors, [
    { line: 3, column: 20, expected: 'valid YAML' },
    { line: 11, column: 20, expected: 'valid YAML' },
  ]);
  t.equal(errors.length, 2);
  t.end();
});

t.test('text inside a field is read as a document', (t) => {
  t.same(parseEmbedded('a:\n  b: 1\n'), { a: { b: 1 } });
  t.same(parseEmbedded('["pool-a"]'), ['pool-a']);
  t.equal(parseEmbedded('a: b: c'), undefined);
  t.end();
});

t.test('a list of as many objects as a large cluster has is read', (t) => {
  const COUNT = 200_000;
  const items = Array.from({ length: COUNT }, (_, i) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `c${i}`, namespace: 'a' },
  }));
  const { byId, errors } = Declared.read({
    sources: [{ file: 'many.json', text: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }), dropped: [] }],
  });
  t.equal(byId.size, COUNT);
  t.strictSame(errors, []);
  t.end();
});

t.test('folders are read below, sorted, manifests only', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-sources-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'sub'));
  for (const name of ['b.yaml', 'a.yml', 'README.md', 'values.txt', 'sub/c.json', 'named.conf'])
    writeFileSync(join(folder, name), name);
  const { sources, errors } = readSources([folder, join(folder, 'named.conf'), join(folder, 'gone.yaml')]);
  t.same(
    sources.map(({ text }) => text),
    ['a.yml', 'b.yaml', 'sub/c.json', 'named.conf'],
    'a file that is named is read whatever it is called',
  );
  t.match(errors, [{ file: join(folder, 'gone.yaml'), got: /ENOENT/ }]);
  t.end();
});

t.test('links to files are read as those of a mounted ConfigMap are, and folders behind links are not entered', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-links-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, '..data'));
  writeFileSync(join(folder, '..data', 'real.txt'), 'through a link');
  symlinkSync(join('..data', 'real.txt'), join(folder, 'a.yaml'));
  symlinkSync('.', join(folder, 'b.yaml'));
  symlinkSync('nowhere', join(folder, 'c.yaml'));
  writeFileSync(join(folder, 'd.yaml'), 'd');
  const { sources, errors } = readSources([folder]);
  t.same(
    sources.map(({ text }) => text),
    ['through a link', 'd'],
  );
  t.match(errors, [{ file: join(folder, 'c.yaml'), got: /ENOENT/ }]);
  t.end();
});

t.test('a file that is no UTF-8 is an error where that shows, and the others are read', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-bytes-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const write = (name: string, ...bytes: readonly number[]): void =>
    writeFileSync(join(folder, name), Uint8Array.from(bytes));
  const [a, newline] = [0x61, 0x0a];
  write('a.yaml', a, newline, a, a, 0xe9, a);
  write('b.yaml', 0xc3, 0xa9);
  write('c.yaml', 0xff, 0xfe, a, 0);
  write('d.yaml', a, 0xc3);
  write('e.yaml', 0xef, 0xbb, 0xbf, a);
  const { sources, errors } = readSources([folder]);
  t.same(
    sources.map(({ text }) => text),
    ['é', 'a'],
    'a byte order mark is no part of the text',
  );
  t.same(
    errors.map(formatConfigError).map((text) => text.slice(folder.length + 1)),
    [
      'a.yaml:2:3: expected text in UTF-8, got the byte 0xe9',
      'c.yaml:1:1: expected text in UTF-8, got the byte 0xff',
      'd.yaml:1:2: expected text in UTF-8, got the byte 0xc3',
    ],
  );
  t.end();
});
