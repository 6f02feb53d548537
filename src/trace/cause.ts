/**
 * Why a piece of programmed state exists: the objects it was made from. Everything below the control
 * plane only carries it; nobody there reads it.
 */

export interface Cause {
  /** `IPPool`, `Service`, `Node`: the kind as the object's author wrote it. */
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  /** What of the object mattered: `ipipMode CrossSubnet`, `port http`. */
  readonly detail?: string;
}

export const NO_CAUSE: readonly Cause[] = [];

/** `Service shop/db, port http`. */
export function formatCause({ kind, namespace, name, detail }: Cause): string {
  const where = namespace === undefined ? name : `${namespace}/${name}`;
  return detail === undefined ? `${kind} ${where}` : `${kind} ${where}, ${detail}`;
}
