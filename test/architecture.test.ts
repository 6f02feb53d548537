import { readFileSync, readdirSync } from 'node:fs';
import t from 'tap';
import { ARROWS, architectureViolations } from './architecture-rules.js';

function readSources(): Map<string, string> {
  const paths = readdirSync('src', { recursive: true, encoding: 'utf8' }).map((path) => path.replaceAll('\\', '/'));
  const sources = paths.filter((path) => path.endsWith('.ts'));
  return new Map(sources.map((path) => [path, readFileSync(`src/${path}`, 'utf8')]));
}

/** One file of a folder that has its face, and what is said about the file. */
function violationsOf(path: string, text: string): string[] {
  const folder = path.split('/')[0] ?? '';
  const face: [string, string][] = path.includes('/') ? [[`${folder}/index.ts`, '']] : [];
  const violations = architectureViolations(new Map([...face, [path, text]]));
  return violations
    .filter((line) => line.startsWith(`src/${path}:`))
    .map((line) => line.replace(/^src\/[^:]*:\d+: /, ''));
}

interface Planted {
  readonly name: string;
  readonly path: string;
  readonly text: string;
  /** Part of the sentence, or undefined where the text is as it should be. */
  readonly found: string | undefined;
}

const PLANTED: readonly Planted[] = [
  {
    name: 'an arrow that points up',
    path: 'kernel/a.ts',
    text: `import { x } from '../calico/index.js';`,
    found: 'imports calico',
  },
  {
    name: 'a type that points up',
    path: 'packet/a.ts',
    text: `import type { X } from '../trace/index.js';`,
    found: 'imports trace',
  },
  {
    name: 'an arrow sideways',
    path: 'calico/felix/a.ts',
    text: `export * from '../../kube-proxy/index.js';`,
    found: 'imports kube-proxy',
  },
  {
    name: 'an arrow by import()',
    path: 'cluster/a.ts',
    text: `export const x = import('../tools/index.js');`,
    found: 'imports tools',
  },
  {
    name: 'an arrow by an import type',
    path: 'trace/a.ts',
    text: `export type X = import('../kernel/index.js').Skb;`,
    found: 'imports kernel',
  },
  {
    name: 'an arrow to the face of the library',
    path: 'cluster/a.ts',
    text: `import '../index.js';`,
    found: 'imports index',
  },
  {
    name: 'a way past a face',
    path: 'kernel/a.ts',
    text: `import { ipv4 } from '../packet/ip.js';`,
    found: 'past the face of packet',
  },
  {
    name: 'the own face',
    path: 'kernel/fib/a.ts',
    text: `import { x } from '../index.js';`,
    found: 'face of its own folder',
  },
  { name: 'a way out of src', path: 'trace/a.ts', text: `import { x } from '../../test/x.js';`, found: 'outside src' },
  {
    name: 'an allowed arrow',
    path: 'kernel/fib/a.ts',
    text: `import { ipv4 } from '../../packet/index.js';`,
    found: undefined,
  },
  {
    name: 'a file of the same folder',
    path: 'kernel/fib/a.ts',
    text: `import { x } from '../skb.js';`,
    found: undefined,
  },
  {
    name: 'the face of a folder inside',
    path: 'kernel/a.ts',
    text: `import { x } from './fib/index.js';`,
    found: undefined,
  },
  { name: 'a folder nobody knows', path: 'utils/a.ts', text: '', found: 'not in the table' },

  {
    name: 'fastify below the server',
    path: 'cluster/a.ts',
    text: `import fastify from 'fastify';`,
    found: 'known only to server',
  },
  {
    name: 'a fastify plugin below the server',
    path: 'cli/a.ts',
    text: `import x from '@fastify/static';`,
    found: 'known only to server',
  },
  {
    name: 'ws below the server',
    path: 'kernel/a.ts',
    text: `import { WebSocket } from 'ws';`,
    found: 'known only to server',
  },
  {
    name: 'YAML outside kubernetes',
    path: 'underlay/a.ts',
    text: `import { parse } from 'yaml';`,
    found: 'known only to kubernetes',
  },
  { name: 'YAML in kubernetes', path: 'kubernetes/a.ts', text: `import { parse } from 'yaml';`, found: undefined },
  {
    name: 'ip-num outside its module',
    path: 'packet/ip.ts',
    text: `import { IPv4 } from 'ip-num';`,
    found: 'known only to packet/address-text.ts',
  },
  {
    name: 'ip-num in its module',
    path: 'packet/address-text.ts',
    text: `import { IPv4 } from 'ip-num';`,
    found: undefined,
  },
  {
    name: 'DNS outside packet',
    path: 'services/a.ts',
    text: `import { decode } from '@dnsquery/dns-packet';`,
    found: 'known only to packet',
  },
  {
    name: 'a package nobody knows',
    path: 'kernel/a.ts',
    text: `import _ from 'lodash/fp';`,
    found: 'imports lodash, a package',
  },

  { name: 'the wall clock', path: 'kernel/a.ts', text: 'export const now = () => Date.now();', found: 'names Date' },
  { name: 'a date', path: 'calico/a.ts', text: 'export const now = () => new Date();', found: 'names Date' },
  {
    name: 'a field that is called Date',
    path: 'kernel/a.ts',
    text: 'export const x = (m: { Date: string }) => m.Date;',
    found: undefined,
  },
  { name: 'chance', path: 'kernel/a.ts', text: 'export const dice = () => Math.random();', found: 'names Math.random' },
  { name: 'chance by another way', path: 'kernel/a.ts', text: 'const { random } = Math;', found: 'takes Math apart' },
  {
    name: 'a timer',
    path: 'cni/a.ts',
    text: 'export const later = (f: () => void) => setTimeout(f, 1);',
    found: 'names setTimeout',
  },
  {
    name: 'a timer of globalThis',
    path: 'cni/a.ts',
    text: 'globalThis.setInterval(() => {}, 1);',
    found: 'setInterval',
  },
  {
    name: 'an async function',
    path: 'cluster/a.ts',
    text: 'export async function load() {}',
    found: 'is asynchronous',
  },
  {
    name: 'an async arrow',
    path: 'cluster/a.ts',
    text: 'export const load = async () => {};',
    found: 'is asynchronous',
  },
  {
    name: 'an async method',
    path: 'cluster/a.ts',
    text: 'export class A { async load() {} }',
    found: 'is asynchronous',
  },
  {
    name: 'a promise',
    path: 'cluster/a.ts',
    text: 'export declare function load(): Promise<void>;',
    found: 'names Promise',
  },
  {
    name: 'the wall clock in the command line',
    path: 'cli/a.ts',
    text: 'export const now = async () => Date.now();',
    found: undefined,
  },

  { name: 'a Buffer in packet', path: 'packet/a.ts', text: 'export const b = Buffer.alloc(1);', found: 'names Buffer' },
  {
    name: 'a module of Node in packet',
    path: 'packet/a.ts',
    text: `import { isIP } from 'node:net';`,
    found: 'also runs in a browser',
  },
  {
    name: 'a module of Node above',
    path: 'kubernetes/a.ts',
    text: `import { readFileSync } from 'node:fs';`,
    found: undefined,
  },

  {
    name: 'state of a module',
    path: 'kernel/a.ts',
    text: 'let next = 0; export const id = () => next++;',
    found: 'top-level variable',
  },
  {
    name: 'a let in a function',
    path: 'kernel/a.ts',
    text: 'export function f() { let x = 0; return ++x; }',
    found: undefined,
  },
  { name: 'an enum', path: 'cli/a.ts', text: 'export enum E { a }', found: 'declares an enum' },
  {
    name: 'a namespace',
    path: 'kernel/a.ts',
    text: 'export namespace N { export const a = 1; }',
    found: 'declares a namespace',
  },
  {
    name: 'a parameter property',
    path: 'kernel/a.ts',
    text: 'export class A { constructor(readonly x: number) {} }',
    found: 'parameter property',
  },
  {
    name: 'words in comments and strings',
    path: 'kernel/a.ts',
    text: `// new Date(), async\nexport const s = 'setTimeout(Math.random())';`,
    found: undefined,
  },
];

t.test('a planted violation is found, and nothing where there is none', async (t) => {
  for (const { name, path, text, found } of PLANTED) {
    const violations = violationsOf(path, text);
    if (found === undefined) t.same(violations, [], name);
    else t.ok(violations.length === 1 && violations[0]?.includes(found), name, { violations, wanted: found });
  }
});

t.test('a folder without a face is found', async (t) => {
  t.same(architectureViolations(new Map([['kernel/skb.ts', '']])), ['src/kernel: has no index.ts, its face']);
  t.same(architectureViolations(new Map([['cli/main.ts', '']])), [], 'the command line has an entry instead');
});

t.test('a violation is reported with its file and line', async (t) => {
  const sources = new Map([['kernel/index.ts', `\n\nimport { x } from '../calico/index.js';`]]);
  t.same(architectureViolations(sources), ['src/kernel/index.ts:3: imports calico, and kernel may not']);
});

t.test('the table of arrows has no cycle', async (t) => {
  const reaches = (from: string, to: string): boolean =>
    (ARROWS[from] ?? []).some((next) => next === to || reaches(next, to));
  t.same(
    Object.keys(ARROWS).filter((folder) => reaches(folder, folder)),
    [],
  );
  for (const folder of Object.values(ARROWS).flat()) t.ok(folder in ARROWS, `${folder} has a row`);
});

t.test('src keeps the rules of the house', async (t) => {
  const sources = readSources();
  t.ok(sources.size > 0, 'there are sources');
  for (const violation of architectureViolations(sources)) t.fail(violation);
});
