/** One network on its way to rest: the places that decide about it, what each has, and who hears of whom. */

import type { Net } from '../address.js';
import type { Route } from '../rib/route.js';
import type { Place } from './place.js';

const NO_ROUTES: readonly Route[] = [];

export class Solving {
  readonly net: Net;
  /** Who is asked: most often the only one who decides. */
  readonly asked: Place;
  #routes = NO_ROUTES;
  #others: Map<Place, readonly Route[]> | undefined = undefined;
  #hearers: Map<Place, Place[]> | undefined = undefined;

  constructor(net: Net, asked: Place) {
    this.net = net;
    this.asked = asked;
  }

  /** Whether nobody else decides. */
  get isAlone(): boolean {
    return this.#others === undefined;
  }

  /** What a place has so far; undefined for one that does not decide. */
  routes(place: Place): readonly Route[] | undefined {
    return place === this.asked ? this.#routes : this.#others?.get(place);
  }

  set(place: Place, routes: readonly Route[]): void {
    if (place === this.asked) this.#routes = routes;
    else (this.#others ??= new Map<Place, readonly Route[]>()).set(place, routes);
  }

  /** A place hears of another; whether that one is new among those that decide. */
  hears(place: Place, from: Place): boolean {
    const hearers = (this.#hearers ??= new Map<Place, Place[]>());
    const known = hearers.get(from);
    if (known === undefined) hearers.set(from, [place]);
    else if (!known.includes(place)) known.push(place);
    if (this.routes(from) !== undefined) return false;
    this.set(from, NO_ROUTES);
    return true;
  }

  hearersOf(place: Place): readonly Place[] {
    return this.#hearers?.get(place) ?? [];
  }

  /** Those who decide, whoever is asked first. */
  members(): readonly Place[] {
    return this.#others === undefined ? [this.asked] : [this.asked, ...this.#others.keys()];
  }

  /** What was found is final. */
  finish(): readonly Route[] {
    const { key } = this.net;
    this.asked.solved.set(key, this.#routes);
    if (this.#others !== undefined) for (const [place, routes] of this.#others) place.solved.set(key, routes);
    return this.#routes;
  }
}
