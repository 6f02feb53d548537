/** The plugins' way of editing the nat table: chains of their own, rules added once (pkg/utils/iptables.go). */

import { createHash } from 'node:crypto';
import type { ChainState, IptablesTableState, Netns, RuleTextState } from '../../kernel/index.js';

const MAX_CHAIN_LENGTH = 28;

/** utils.FormatChainNameWithPrefix(): `CNI-` + a part of SHA-512 of network and container. */
export const chainName = (network: string, containerId: string, infix = ''): string =>
  `CNI-${infix}${createHash('sha512')
    .update(network + containerId)
    .digest('hex')}`.slice(0, MAX_CHAIN_LENGTH);

/** utils.FormatComment(). */
export const comment = (network: string, containerId: string): string =>
  `name: \\"${network}\\" id: \\"${containerId}\\"`;

const KERNEL_CHAINS = ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'];

/** The nat table as a draft: nothing is programmed before `commit`. */
export class NatTable {
  readonly #netns: Netns;
  readonly #others: readonly IptablesTableState[];
  #chains: ChainState[];

  constructor(netns: Netns) {
    this.#netns = netns;
    const tables = netns.netfilter.iptables.state();
    this.#others = tables.filter(({ name }) => name !== 'nat');
    const there = tables.find(({ name }) => name === 'nat');
    this.#chains = [
      ...(there?.chains ?? KERNEL_CHAINS.map((name): ChainState => ({ name, policy: 'ACCEPT', rules: [] }))),
    ];
  }

  rules(chain: string): readonly RuleTextState[] | undefined {
    return this.#chains.find(({ name }) => name === chain)?.rules;
  }

  /** `iptables -N`, where it is missing. */
  ensureChain(name: string): void {
    if (this.rules(name) === undefined) this.#chains.push({ name, rules: [] });
  }

  /** Adds a rule unless an equal one is there; texts are in the spelling of iptables-save. */
  addUnique(chain: string, text: string, where: 'append' | 'insert' = 'append'): void {
    this.#edit(chain, (rules) => {
      if (rules.some((rule) => rule.text === text)) return rules;
      const rule: RuleTextState = { text, because: [] };
      return where === 'append' ? [...rules, rule] : [rule, ...rules];
    });
  }

  /** `iptables -D`, where it is there. */
  deleteRule(chain: string, text: string): void {
    this.#edit(chain, (rules) => {
      const at = rules.findIndex((rule) => rule.text === text);
      return at < 0 ? rules : rules.toSpliced(at, 1);
    });
  }

  /** `iptables -F`. */
  clearChain(chain: string): void {
    this.#edit(chain, () => []);
  }

  /** Whether a rule jumps to that chain. */
  leadsTo(chain: string): boolean {
    return this.#chains.some(({ rules }) => rules.some(({ text }) => text.endsWith(`-j ${chain}`)));
  }

  /** Removes a chain and every rule that leads to it. */
  deleteChain(name: string): void {
    this.#chains = this.#chains
      .filter((chain) => chain.name !== name)
      .map((chain) => ({ ...chain, rules: chain.rules.filter(({ text }) => !text.endsWith(`-j ${name}`)) }));
  }

  commit(): void {
    this.#netns.netfilter.iptables.apply([...this.#others, { name: 'nat', chains: this.#chains }]);
  }

  #edit(name: string, change: (rules: readonly RuleTextState[]) => readonly RuleTextState[]): void {
    this.#chains = this.#chains.map((chain) =>
      chain.name === name ? { ...chain, rules: change(chain.rules) } : chain,
    );
  }
}
