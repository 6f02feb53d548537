/** One after the other, of what is done under the same name. */

export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs when everything before it under this name has ended, however it ended. */
  async take<T>(name: string, run: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name) ?? Promise.resolve();
    const own = before.then(run, run);
    this.#last.set(name, own);
    try {
      return await own;
    } finally {
      if (this.#last.get(name) === own) this.#last.delete(name);
    }
  }
}
