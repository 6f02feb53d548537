/** The environment that calico-node starts with, and what it makes of a word in it; node/pkg/lifecycle/startup. */

/** Variables by name; absent and empty are not the same to all of them. */
export type Environment = Readonly<Record<string, string>>;

/** calico-node ends with an error: the variable, what it may be, what it was. */
export class StartupError extends Error {
  readonly variable: string;
  readonly expected: string;
  readonly got: string;

  constructor(variable: string, expected: string, got: string) {
    super(`${variable}: expected ${expected}, got "${got}"`);
    this.name = 'StartupError';
    this.variable = variable;
    this.expected = expected;
    this.got = got;
  }
}

export const variable = (environment: Environment, name: string): string =>
  Object.hasOwn(environment, name) ? (environment[name] ?? '') : '';

const NO = new Set(['false', '0', 'no', 'n', 'f']);

/** What is set and does not say no says yes, the empty text too. */
export function flagVariable(environment: Environment, name: string, fallback: boolean): boolean {
  return Object.hasOwn(environment, name) ? !NO.has(variable(environment, name).toLowerCase()) : fallback;
}

export type Backend = 'bird' | 'vxlan' | 'none';

/** CALICO_NETWORKING_BACKEND: which daemons run; node/filesystem/etc/rc.local. */
export function networkingBackend(environment: Environment): Backend {
  const text = variable(environment, 'CALICO_NETWORKING_BACKEND');
  return text === 'vxlan' || text === 'none' ? text : 'bird';
}
