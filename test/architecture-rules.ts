/**
 * The rules of the house that a compiler and a linter do not know: who may import whom, which package is known
 * where, and what the deterministic core may not name. Pure: sources in, sentences about violations out.
 */

import { posix } from 'node:path';
import ts from 'typescript';

/**
 * Top-level folder of src → the top-level folders that it may import. `index` is src/index.ts, the library's
 * face, which the command line and the server may use like any client. A new arrow is a change to this table.
 */
const BELOW_KERNEL = ['packet', 'trace'];
const BELOW_CLUSTER = [
  ...BELOW_KERNEL,
  'kernel',
  'kubernetes',
  'underlay',
  'cni',
  'bird',
  'calico',
  'kube-proxy',
  'services',
];
const EDGE = [...BELOW_CLUSTER, 'cluster', 'routing', 'tools', 'analysis'];

export const ARROWS: Readonly<Record<string, readonly string[]>> = {
  packet: [],
  trace: ['packet'],
  kernel: BELOW_KERNEL,
  kubernetes: ['packet'],
  underlay: [...BELOW_KERNEL, 'kernel', 'kubernetes'],
  cni: [...BELOW_KERNEL, 'kernel'],
  bird: [...BELOW_KERNEL, 'kernel'],
  'kube-proxy': [...BELOW_KERNEL, 'kernel', 'kubernetes'],
  calico: [...BELOW_KERNEL, 'kernel', 'kubernetes', 'cni', 'bird'],
  services: [...BELOW_KERNEL, 'kernel', 'kubernetes', 'bird'],
  cluster: BELOW_CLUSTER,
  routing: [...BELOW_CLUSTER, 'cluster'],
  tools: [...BELOW_CLUSTER, 'cluster'],
  analysis: [...BELOW_CLUSTER, 'cluster'],
  index: EDGE,
  server: [...EDGE, 'index'],
  cli: [...EDGE, 'index', 'server'],
  viewer: ['packet', 'server'],
};

/** A part of a folder with a face of its own, and who may import that: what loads it loads nothing else for it. */
const FACES: Readonly<Record<string, readonly string[]>> = { 'calico/confd/index.ts': ['routing'] };

/** Package → the folders or files below src that may know it. A new package is a line here. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@dnsquery/dns-packet': ['packet'],
  ajv: ['server'],
  'cbor-x': ['server', 'viewer'],
  fastify: ['server'],
  'ip-num': ['packet/address-text.ts'],
  'prom-client': ['server'],
  typebox: ['server'],
  ws: ['server'],
  yaml: ['kubernetes'],
};

/** Here time, chance and promises begin. */
const OUTSIDE_THE_CORE = new Set(['cli', 'server', 'viewer']);

/** Names that read a clock, roll dice or wait. `Clock` and `Random` are given instead. */
const NONDETERMINISTIC = new Set([
  'Date',
  'Promise',
  'performance',
  'queueMicrotask',
  'setImmediate',
  'setInterval',
  'setTimeout',
]);
const NONDETERMINISTIC_MEMBERS = new Set([
  'Math.random',
  'process.hrtime',
  'crypto.getRandomValues',
  'crypto.randomUUID',
]);
const ASYNC_MODULE = /^node:(timers|timers\/promises|fs\/promises|worker_threads)$/;

/** The page dissects frames with src/packet, so nothing of Node may be in it. */
const BROWSER_SAFE = 'packet';
const NODE_GLOBALS = new Set(['Buffer', 'process', 'require', '__dirname', '__filename']);

/** Sources by their path below src, `packet/udp.ts`. */
export type Sources = ReadonlyMap<string, string>;

interface Source {
  readonly path: string;
  readonly folder: string;
  readonly file: ts.SourceFile;
}

/** `packet/udp.ts` → `packet`; `index.ts` → `index`. */
const folderOf = (path: string): string =>
  path.includes('/') ? (path.split('/')[0] ?? '') : path.replace(/\.ts$/, '');

const place = ({ path, file }: Source, node: ts.Node): string =>
  `src/${path}:${file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1}`;

/** The module that an import, export, `import()` or import type names; undefined for any other node. */
function specifierOf(node: ts.Node): ts.StringLiteralLike | undefined {
  const asText = (literal: ts.Node | undefined): ts.StringLiteralLike | undefined =>
    literal && ts.isStringLiteralLike(literal) ? literal : undefined;
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return asText(node.moduleSpecifier);
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return asText(node.argument.literal);
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
    return asText(node.arguments[0]);
  return undefined;
}

function checkRelative({ path, folder }: Source, specifier: string): string | undefined {
  const target = posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts');
  const published = target === '../package.json' || /^\.\.\/schemas\/[\w-]+\.schema\.json$/.test(target);
  if (published && OUTSIDE_THE_CORE.has(folder)) return undefined;
  if (target.startsWith('../')) return `imports ${specifier}, which is outside src`;
  const other = folderOf(target);
  if (other === folder) {
    return target === `${folder}/index.ts` ? 'imports the face of its own folder; inside, import the file' : undefined;
  }
  if (!(ARROWS[folder] ?? []).includes(other)) return `imports ${other}, and ${folder} may not`;
  if (FACES[target]?.includes(folder) === true) return undefined;
  if (target !== 'index.ts' && target !== `${other}/index.ts`) return `imports ${target} past the face of ${other}`;
  return undefined;
}

function checkPackage({ path, folder }: Source, specifier: string): string | undefined {
  if (specifier.startsWith('node:')) {
    if (folder === BROWSER_SAFE) return `imports ${specifier}, and src/${BROWSER_SAFE} also runs in a browser`;
    return ASYNC_MODULE.test(specifier) && !OUTSIDE_THE_CORE.has(folder)
      ? `imports ${specifier} in the core`
      : undefined;
  }
  const parts = specifier.split('/');
  const name = parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
  const allowed = name.startsWith('@fastify/') ? ['server'] : PACKAGES[name];
  if (allowed === undefined) return `imports ${name}, a package that the table does not know`;
  return allowed.includes(folder) || allowed.includes(path)
    ? undefined
    : `imports ${name}, known only to ${allowed.join(', ')}`;
}

/** Whether an identifier reads a variable: not a member's name, a property's, a declaration's. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  if (ts.isQualifiedName(parent)) return parent.left === node;
  if (ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent) || ts.isBindingElement(parent)) return false;
  return !('name' in parent && parent.name === node);
}

const isAsync = (node: ts.Node): boolean =>
  ts.isAwaitExpression(node) ||
  (ts.isForOfStatement(node) && node.awaitModifier !== undefined) ||
  (ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some((m) => m.kind === ts.SyntaxKind.AsyncKeyword));

/** Time, chance and waiting in the core. */
function checkDeterminism({ folder }: Source, node: ts.Node): string | undefined {
  if (OUTSIDE_THE_CORE.has(folder)) return undefined;
  if (isAsync(node)) return 'is asynchronous in the core';
  if (ts.isIdentifier(node) && NONDETERMINISTIC.has(node.text) && isReference(node))
    return `names ${node.text} in the core`;
  if (
    ts.isVariableDeclaration(node) &&
    ts.isObjectBindingPattern(node.name) &&
    node.initializer?.getText() === 'Math'
  ) {
    return 'takes Math apart in the core';
  }
  if (!ts.isPropertyAccessExpression(node)) return undefined;
  const member = `${node.expression.getText()}.${node.name.text}`.replace(/^globalThis\./, '');
  const named = NONDETERMINISTIC_MEMBERS.has(member) || NONDETERMINISTIC.has(member);
  return named ? `names ${member} in the core` : undefined;
}

function checkBrowserSafe({ folder }: Source, node: ts.Node): string | undefined {
  const found = folder === BROWSER_SAFE && ts.isIdentifier(node) && NODE_GLOBALS.has(node.text) && isReference(node);
  return found ? `names ${node.text}, and src/${BROWSER_SAFE} also runs in a browser` : undefined;
}

/** State of a module, and syntax that is not simply erased. */
function checkForm({ file }: Source, node: ts.Node): string | undefined {
  if (ts.isVariableStatement(node) && node.parent === file && !(node.declarationList.flags & ts.NodeFlags.Const)) {
    return 'has a top-level variable';
  }
  if (ts.isEnumDeclaration(node)) return 'declares an enum';
  if (ts.isModuleDeclaration(node)) return 'declares a namespace';
  if (ts.isImportEqualsDeclaration(node) || ts.isExportAssignment(node))
    return 'imports or exports in a form other than ES';
  if (ts.isParameter(node) && ts.isParameterPropertyDeclaration(node, node.parent))
    return 'declares a parameter property';
  return undefined;
}

function checkNode(source: Source, node: ts.Node): readonly (string | undefined)[] {
  const specifier = specifierOf(node)?.text;
  const imported =
    specifier === undefined ? undefined : (specifier.startsWith('.') ? checkRelative : checkPackage)(source, specifier);
  return [imported, checkDeterminism(source, node), checkBrowserSafe(source, node), checkForm(source, node)];
}

function checkSource(path: string, text: string): string[] {
  const folder = folderOf(path);
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const source: Source = { path, folder, file };
  const found: string[] = [];
  if (!(folder in ARROWS)) found.push(`src/${path}:1: ${folder} is not in the table of arrows`);
  const visit = (node: ts.Node): void => {
    for (const violation of checkNode(source, node)) if (violation) found.push(`${place(source, node)}: ${violation}`);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** One sentence a violation, `src/kernel/skb.ts:12: imports calico, and kernel may not`. */
export function architectureViolations(sources: Sources): string[] {
  const found = [...sources].flatMap(([path, text]) => checkSource(path, text));
  const folders = new Set([...sources.keys()].filter((path) => path.includes('/')).map(folderOf));
  for (const folder of folders) {
    // The command line is started, not imported: its entry is main.ts.
    if (folder !== 'cli' && !sources.has(`${folder}/index.ts`)) found.push(`src/${folder}: has no index.ts, its face`);
  }
  return found;
}
