/** The plugins' way of editing the nat table: chains of their own, rules added once (pkg/utils/iptables.go). */

import { createHash } from 'node:crypto';
import type { ChainState, IptablesTableState, Netns, RuleTextState } from '../../kernel/index.js';

const MAX_CHAIN_LENGTH = 28;

const PREFIX = 'CNI-';

/** utils.FormatChainNameWithPrefix(): `CNI-` + a part of SHA-512 of network and container. */
export const chainName = (network: string, containerId: string, infix = ''): string =>
  `${PREFIX}${infix}${createHash('sha512')
    .update(network + containerId)
    .digest('hex')}`.slice(0, MAX_CHAIN_LENGTH);

/** utils.FormatComment(). */
export const comment = (network: string, containerId: string): string =>
  `name: \\"${network}\\" id: \\"${containerId}\\"`;

const KERNEL_CHAINS = ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'];

/** Whether the plugins look into that chain. */
const concernsPlugins = (chain: string): boolean => chain.startsWith(PREFIX) || KERNEL_CHAINS.includes(chain);

/** The plugins' part of the nat table as a draft: nothing is programmed before `commit`. */
export class NatTable {
  readonly #netns: Netns;
  readonly #before: IptablesTableState | undefined;
  #chains: readonly ChainState[];

  constructor(netns: Netns) {
    this.#netns = netns;
    this.#before = netns.netfilter.iptables.table('nat')?.state(concernsPlugins);
    this.#chains =
      this.#before?.chains ?? KERNEL_CHAINS.map((name): ChainState => ({ name, policy: 'ACCEPT', rules: [] }));
  }

  rules(chain: string): readonly RuleTextState[] | undefined {
    return this.#chains.find(({ name }) => name === chain)?.rules;
  }

  /** `iptables -N`, where it is missing. */
  ensureChain(name: string): void {
    if (this.rules(name) === undefined) this.#chains = [...this.#chains, { name, rules: [] }];
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
    const { iptables } = this.#netns.netfilter;
    iptables.change(this.#before === undefined ? [] : [this.#before], [{ name: 'nat', chains: this.#chains }]);
  }

  #edit(name: string, change: (rules: readonly RuleTextState[]) => readonly RuleTextState[]): void {
    this.#chains = this.#chains.map((chain) =>
      chain.name === name ? { ...chain, rules: change(chain.rules) } : chain,
    );
  }
}
