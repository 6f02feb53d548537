/** One run of a filter over one route: what it works on, and how it ends. */

import type { IpAddr } from '../address.js';
import type { Dialect } from '../config/keywords.js';
import type { AttributeId, Attributes, AttributeValue } from '../rib/attributes.js';
import type { Route } from '../rib/route.js';
import type { FunctionDefinition } from './syntax.js';
import { type Value, VOID } from './value.js';

const NOTHING: readonly AttributeId[] = [];

/** How a command ended. Whatever is above `return` ends the whole run. */
export const STEP = { next: 0, return: 1, accept: 2, reject: 3, error: 4 } as const;

export type Evaluate = (run: FilterRun) => Value;
export type Execute = (run: FilterRun) => number;

/** An attribute where there is no route that might have it. */
export const NO_ROUTE = 'No route to access';

/** A runtime error: the filter's verdict is `error`. Never leaves this folder. */
export class FilterError extends Error {
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.name = 'FilterError';
    this.line = line;
  }
}

/** A verdict inside an expression: `run.verdict` has it. One object, so that it costs nothing to throw. */
export const HALT = new Error('a filter ended inside an expression');

/** What filters can ask of the router that they run in. */
export interface FilterEnvironment {
  readonly dialect: Dialect;
  /** The interface of a directly connected address; `self` for one of ours (neigh_find()). */
  readonly neighbor: (addr: IpAddr) => { readonly iface: string } | 'self' | undefined;
  /** An interface's index by its name. */
  readonly ifindex: (name: string) => number | undefined;
  /** `print`, and runtime errors. */
  readonly log: (text: string) => void;
}

/** Compiled bodies of functions, made when they are first called. */
export interface Program {
  body(callee: FunctionDefinition): Execute;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class FilterRun {
  readonly program: Program;
  readonly environment: FilterEnvironment;
  #route: Route | undefined;
  #edited = false;
  frame: Value[] = [];
  /** Calls of functions that have not returned. */
  calls = 0;
  /** What `return` gave. */
  result: Value = VOID;
  verdict: number = STEP.next;
  /** The function in which the verdict was, where it was in one. */
  endedIn: string | undefined = undefined;
  #touched: readonly AttributeId[] = NOTHING;
  /** How often an attribute was set or unset. */
  settings = 0;
  /** Whether anything else was set. */
  copied = false;
  /** The route's, where they are a copy of this run's. */
  #attributes: Partial<Record<AttributeId, AttributeValue>> | undefined = undefined;
  #line = '';

  constructor(program: Program, environment: FilterEnvironment, route: Route | undefined) {
    this.program = program;
    this.environment = environment;
    this.#route = route;
  }

  get route(): Route | undefined {
    return this.#route;
  }

  /** Whether anything was set. */
  get edited(): boolean {
    return this.#edited;
  }

  /** Attributes that the filter set. */
  get touched(): readonly AttributeId[] {
    return this.#touched;
  }

  require(line: number): Route {
    if (this.#route === undefined) throw new FilterError(NO_ROUTE, line);
    return this.#route;
  }

  /** The first change is made to a copy, and others to the same: until the run ends nobody else has it. */
  #own(): Mutable<Route> | undefined {
    if (this.#route === undefined || this.#edited) return this.#route;
    this.#edited = true;
    this.#route = { ...this.#route };
    return this.#route;
  }

  edit(changes: Partial<Route>): void {
    const route = this.#own();
    if (route === undefined) return;
    Object.assign(route, changes);
    if (changes.attributes === undefined) this.copied = true;
    else this.#attributes = undefined;
  }

  setAttribute(id: AttributeId, value: AttributeValue): void {
    this.settings += 1;
    const route = this.#own();
    if (route === undefined) return;
    // What is new comes first: a copy that gets another field would have a shape of its own.
    this.#attributes ??= { [id]: value, ...route.attributes };
    this.#attributes[id] = value;
    route.attributes = this.#attributes as Attributes;
  }

  touch(id: AttributeId): void {
    if (!this.#touched.includes(id)) this.#touched = [...this.#touched, id];
  }

  print(text: string, newline: boolean): void {
    this.#line += text;
    if (!newline) return;
    this.environment.log(this.#line);
    this.#line = '';
  }
}
