/** Routes that have a mark, by identity. */

import type { Route } from './route.js';

export class RouteSet {
  readonly #routes = new Set<Route>();

  has(route: Route): boolean {
    return this.#routes.has(route);
  }

  add(route: Route): void {
    this.#routes.add(route);
  }

  delete(route: Route): void {
    this.#routes.delete(route);
  }

  /** The mark goes over to what takes the route's place. */
  replace(route: Route, by: Route): void {
    if (this.#routes.delete(route)) this.#routes.add(by);
  }
}
