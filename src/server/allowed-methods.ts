/** Which methods a path has: one that it has not is another mistake than a path that is not there (RFC 9110 §15.5.6). */

import type { FastifyInstance } from 'fastify';

/** `/clusters/:cluster/traces` matches what stands for `:cluster`. */
const patternOf = (url: string): RegExp =>
  new RegExp(`^${url.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/:[^/]+/g, '[^/]+')}$`);

export class AllowedMethods {
  readonly #methods = new Map<string, Set<string>>();
  readonly #patterns = new Map<string, RegExp>();

  /** Of all routes that are added from now on; those that take any path say nothing about one. */
  constructor(app: FastifyInstance) {
    app.addHook('onRoute', ({ url, method }) => {
      if (url.includes('*')) return;
      const methods = this.#methods.get(url) ?? new Set();
      for (const one of [method].flat()) methods.add(one);
      this.#methods.set(url, methods);
      this.#patterns.set(url, patternOf(url));
    });
  }

  /** None where there is no such path. */
  of(path: string): readonly string[] {
    const found = [...this.#patterns].flatMap(([url, pattern]) =>
      pattern.test(path) ? [...(this.#methods.get(url) ?? [])] : [],
    );
    return [...new Set(found)].sort();
  }
}
