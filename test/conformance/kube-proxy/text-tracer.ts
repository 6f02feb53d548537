/**
 * Packets through a text for ip6tables-restore, for which there is no kernel here: as upstream's own tracer has it
 * (nat from KUBE-SERVICES, then the chains of filter), over the text alone.
 */

import { cidrContains, parseCidr, parseIp } from '../../../src/kubernetes/index.js';
import type { Flow, FlowResult } from './flow-node.js';

interface TextRule {
  readonly words: string;
  readonly target: string;
}

const option = (words: string, name: string): { readonly value: string; readonly inverted: boolean } | undefined => {
  const match = new RegExp(`(?:^| )(! )?${name} (\\S+)`).exec(words);
  return match === null ? undefined : { value: match[2] ?? '', inverted: match[1] !== undefined };
};

function inPrefix(text: string, address: string): boolean {
  const prefix = parseCidr(text.includes('/') ? text : `${text}/128`);
  const ip = parseIp(address);
  return prefix !== undefined && ip !== undefined && cidrContains(prefix, ip);
}

export class TextTracer {
  readonly #tables = new Map<string, TextRule[]>();
  readonly #local: ReadonlySet<string>;

  constructor(text: string, localAddresses: readonly string[]) {
    this.#local = new Set([...localAddresses, '::1']);
    let table = '';
    for (const line of text.split('\n')) {
      if (line.startsWith('*')) table = line.slice(1);
      const match = /^-A (\S+) (.*?)(?:-j (\S+).*?)?$/.exec(line);
      if (match === null) continue;
      const [, chain = '', words = '', target = ''] = match;
      const full = line.slice(`-A ${chain} `.length);
      const key = `${table} ${chain}`;
      const rules = this.#tables.get(key) ?? [];
      rules.push({ words: target === 'DNAT' ? full : words, target });
      this.#tables.set(key, rules);
    }
  }

  #holds(words: string, flow: Flow): boolean {
    if (/--rcheck|--mark|--ctstate/.test(words)) return false;
    const checks: [string, (value: string) => boolean][] = [
      ['-p', (value) => value === flow.protocol],
      ['-d', (value) => inPrefix(value, flow.destIP)],
      ['-s', (value) => inPrefix(value, flow.sourceIP)],
      ['--dport', (value) => Number(value) === flow.destPort],
      ['--dst-type', () => this.#local.has(flow.destIP)],
      ['--src-type', () => this.#local.has(flow.sourceIP)],
    ];
    const bare = words.replace(/--comment ("[^"]*"|\S+)/g, '');
    return checks.every(([name, test]) => {
      const given = option(bare, name);
      return given === undefined || test(given.value) !== given.inverted;
    });
  }

  /** True where the packet is done with. */
  #walk(table: string, chain: string, state: { flow: Flow; outputs: string[]; masq: boolean }): boolean {
    for (const { words, target } of this.#tables.get(`${table} ${chain}`) ?? []) {
      if (!this.#holds(words, state.flow)) continue;
      if (target === 'KUBE-MARK-MASQ') state.masq = true;
      else if (target === 'DNAT') {
        state.outputs.push(option(words, '--to-destination')?.value ?? '');
        return true;
      } else if (target === 'ACCEPT' || target === 'DROP' || target === 'REJECT') {
        state.outputs.push(target);
        return true;
      } else if (target !== '' && this.#walk(table, target, state) && !words.includes('--mode random')) return true;
    }
    return false;
  }

  run(flow: Flow): FlowResult {
    const state = { flow, outputs: [] as string[], masq: false };
    this.#walk('nat', 'KUBE-SERVICES', state);
    if (state.outputs.length > 0) return { output: state.outputs.join(', '), masq: state.masq };
    for (const chain of ['KUBE-SERVICES', 'KUBE-EXTERNAL-SERVICES', 'KUBE-NODEPORTS', 'KUBE-PROXY-FIREWALL'])
      if (this.#walk('filter', chain, state)) break;
    return { output: state.outputs.join(', '), masq: state.masq };
  }
}
