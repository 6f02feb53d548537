/** `calicoctl get`: what there is of a kind; calicoctl/calicoctl/commands/get.go, common: resources.go, printer.go. */

import { formatYaml, isObject, type JsonObject } from '../../kubernetes/index.js';
import { LISTED, type Listed } from './kinds.js';
import type { Row } from './rows.js';
import { misused } from './usage.js';
import { docopt, type Parsed, type Usage } from './docopt.js';
import { spacedTable } from '../table.js';
import { failure, ok, type ToolPlace, type ToolResult } from '../tool.js';

/** What was asked for by one name, or without one. */
interface Found {
  readonly listed: Listed;
  readonly rows: readonly Row[];
  readonly isList: boolean;
}

/** What is printed, or what is wrong with what was asked for. */
type Printed = { readonly text: string } | { readonly refused: string };

/** Prints what was found. */
type Printer = (found: readonly Found[]) => Printed;

const API_VERSION = 'projectcalico.org/v3';

function documentOf({ listed: { kind }, rows, isList }: Found): JsonObject {
  const typed = (row: Row): JsonObject => ({ kind, apiVersion: API_VERSION, ...row.document() });
  const [first] = rows;
  if (!isList && first !== undefined) return typed(first);
  return { kind: `${kind}List`, apiVersion: API_VERSION, metadata: {}, items: rows.map(typed) };
}

/** One is printed as it is, several as a list, and where nothing was found there is none. */
function documentsOf(found: readonly Found[]): JsonObject | readonly JsonObject[] | null {
  const documents = found.map(documentOf);
  return documents.length === 0 ? null : documents.length === 1 ? (documents[0] ?? null) : documents;
}

/** Without what is of this cluster alone; `get --export`. */
function exported(found: Found): Found {
  if (found.isList) return found;
  const rows = found.rows.map((row) => ({
    ...row,
    document: () => {
      const { metadata, ...rest } = row.document();
      const {
        namespace: _,
        uid: __,
        resourceVersion: ___,
        creationTimestamp: ____,
        ...kept
      } = isObject(metadata) ? metadata : {};
      return { metadata: kept, ...rest };
    },
  }));
  return { ...found, rows };
}

const cellOf = ({ namespace, name, cells }: Row, heading: string): string =>
  heading === 'NAME' ? name : heading === 'NAMESPACE' ? namespace : (cells[heading] ?? '');

interface TableForm {
  readonly headings: (listed: Listed) => readonly string[];
  /** Whether namespaces stand before. */
  readonly namespaces: boolean;
}

/** resourcemgr.go:GetTableTemplate(). */
function tableOf({ listed, rows }: Found, { headings, namespaces }: TableForm): Printed {
  const { narrow, wide, others = [] } = listed;
  const isNamespaced = listed.isNamespaced === true;
  const known = new Set([...wide, ...narrow, ...others, 'NAME', ...(isNamespaced ? ['NAMESPACE'] : [])]);
  const asked = headings(listed);
  const wrong = asked.find((heading) => !known.has(heading));
  if (wrong !== undefined) return { refused: `unknown heading ${wrong}, valid values are: ${[...known].join(', ')}` };
  const columns = namespaces && isNamespaced ? ['NAMESPACE', ...asked] : asked;
  const cells = rows.map((row) => columns.map((heading) => cellOf(row, heading)));
  return { text: `${spacedTable(columns, cells)}\n` };
}

const tables =
  (form: TableForm): Printer =>
  (found) => {
    let text = '';
    for (const one of found) {
      const table = tableOf(one, form);
      if ('refused' in table) return table;
      text += table.text;
    }
    return { text };
  };

/** What `-o` asks for; a text where it is nothing that is known. */
function printerOf(output: string, namespaces: boolean): Printer | string {
  const [form = '', ...values] = output.split('=');
  const value = values.join('=');
  if (output === 'yaml' || output === 'yml') return (found) => ({ text: formatYaml(documentsOf(found)) });
  if (output === 'json') return (found) => ({ text: JSON.stringify(documentsOf(found), undefined, 2) });
  if (output === 'ps') return tables({ headings: ({ narrow }) => narrow, namespaces });
  if (output === 'wide') return tables({ headings: ({ wide }) => wide, namespaces });
  if (form === 'custom-columns')
    return value === ''
      ? 'need to specify at least one column'
      : tables({ headings: () => value.split(','), namespaces: false });
  if (form === 'go-template' && value === '') return 'need to specify a template';
  if (form === 'go-template-file' && value === '') return 'need to specify a template file';
  if (form === 'go-template' || form === 'go-template-file')
    return `calicoctl get -o ${form}: templates of Go are not modelled; "-o json" has all that they would choose from`;
  return `unrecognized output format '${output}'`;
}

interface Scope {
  readonly namespace: string;
  readonly everywhere: boolean;
}

/** resources.go:handleNamespace(), resourcemgr.go:GetOrList(): what is wrong with asking so. */
function refusedScope({ kind, isNamespaced }: Listed, name: string, scope: Scope): string | undefined {
  const { namespace, everywhere } = scope;
  if (isNamespaced !== true) return everywhere || namespace !== '' ? `${kind} is not namespaced` : undefined;
  if (everywhere && namespace !== '') return 'cannot use both --namespace and --all-namespaces flags at the same time';
  return everywhere && name !== '' ? 'cannot use --all-namespace flag for getting a single resource' : undefined;
}

/** What there is of a name, all where it is empty; a text where there is none. */
function find(place: ToolPlace, listed: Listed, name: string, scope: Scope): Found | string {
  const refused = refusedScope(listed, name, scope);
  if (refused !== undefined) return refused;
  const within = listed.isNamespaced === true && !scope.everywhere ? scope.namespace || 'default' : undefined;
  const rows = listed.rows(place).filter((row) => within === undefined || row.namespace === within);
  if (name === '') return { listed, rows, isList: true };
  const row = rows.find((one) => one.name === name);
  if (row !== undefined) return { listed, rows: [row], isList: false };
  const unfit = listed.unfit?.(name);
  if (unfit !== undefined) return unfit;
  const identifier = within === undefined ? name : `${within}/${name}`;
  return `resource does not exist: ${listed.kind}(${identifier}) with error: ${listed.absent(name)}`;
}

const USAGE: Usage = {
  values: ['output', 'namespace', 'filename'],
  flags: ['all-namespaces', 'export', 'recursive', 'skip-empty'],
  short: { o: 'output', n: 'namespace', f: 'filename', A: 'all-namespaces', a: 'all-namespaces', R: 'recursive' },
  words: 0,
  moreWords: true,
};

const last = ({ values }: Parsed, name: string): string | undefined => values.get(name)?.at(-1);

export function calicoctlGet(place: ToolPlace, args: readonly string[]): ToolResult {
  const given = docopt(args, USAGE);
  const isFile = given?.values.has('filename') ?? false;
  const ofFiles = given?.flags.has('recursive') === true || given?.flags.has('skip-empty') === true;
  if (given === undefined || isFile === given.words.length > 0 || (ofFiles && !isFile)) return misused('get');
  const scope: Scope = { namespace: last(given, 'namespace') ?? '', everywhere: given.flags.has('all-namespaces') };
  const printer = printerOf(last(given, 'output') ?? 'ps', scope.everywhere || scope.namespace !== '');
  if (typeof printer === 'string') return failure(1, printer);
  if (isFile) return failure(1, 'calicoctl get -f: only kinds and names are offered here');
  const [kind = '', ...names] = given.words;
  const listed = LISTED.find((one) => one.names.includes(kind.toLowerCase()));
  if (listed === undefined) return failure(1, `failed to get resources: resource type '${kind}' is not supported`);
  if (names.includes('')) return failure(1, 'failed to get resources: resource name may not be empty');

  const results = (names.length === 0 ? [''] : names).map((name) => find(place, listed, name, scope));
  const errors = results.filter((result) => typeof result === 'string');
  const found = results.filter((result) => typeof result !== 'string');
  const printed = printer(given.flags.has('export') ? found.map(exported) : found);
  if ('refused' in printed) return failure(1, printed.refused);
  return errors.length === 0 ? ok(printed.text) : failure(1, errors.join('\n'), printed.text);
}
