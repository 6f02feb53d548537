/** A name that names nothing, with the names that it may have meant. */
export class UnknownEndpoint extends Error {
  readonly near: readonly string[];

  constructor(message: string, near: readonly string[] = []) {
    super(near.length === 0 ? message : `${message}; did you mean ${near.join(' or ')}?`);
    this.name = 'UnknownEndpoint';
    this.near = near;
  }
}
