/** Names that name nothing. */

import { nearMatches } from '../../kubernetes/index.js';

/** A name that names nothing, with the names that it may have meant. */
export class UnknownEndpoint extends Error {
  readonly near: readonly string[];

  constructor(message: string, near: readonly string[] = []) {
    super(near.length === 0 ? message : `${message}; did you mean ${near.join(' or ')}?`);
    this.name = 'UnknownEndpoint';
    this.near = near;
  }
}

export const podName = ({ namespace, name }: Named): string => `${namespace}/${name}`;

export interface Named {
  readonly namespace: string;
  readonly name: string;
}

const MAX_NEAR = 3;

/** Names that may have been meant: the same in another namespace first, then like ones. */
export function nearNames(wanted: Named, candidates: readonly Named[]): readonly string[] {
  const others = candidates.filter((one) => podName(one) !== podName(wanted));
  const alike = new Set(
    nearMatches(
      wanted.name,
      others.map(({ name }) => name),
    ),
  );
  const near = [
    ...others.filter(({ name }) => name === wanted.name).map(podName),
    ...nearMatches(podName(wanted), others.map(podName)),
    ...others.filter(({ name }) => alike.has(name)).map(podName),
  ];
  return [...new Set(near)].slice(0, MAX_NEAR);
}
