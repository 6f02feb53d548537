/** Questions that are asked again and again. */

/** Answers are shown in the order of their questions: one that a later one overtook is not shown. */
export class InOrder {
  #asked = 0;
  #shown = 0;

  async show<T>(ask: () => Promise<T>, show: (answer: T) => void): Promise<void> {
    this.#asked += 1;
    const turn = this.#asked;
    const answer = await ask();
    if (turn < this.#shown) return;
    this.#shown = turn;
    show(answer);
  }
}

/** Is done again for whoever asks, however often, one time after the other. */
export class Repeated {
  readonly #act: () => Promise<void>;
  #underWay = false;
  #wanted = false;

  constructor(act: () => Promise<void>) {
    this.#act = act;
  }

  async again(): Promise<void> {
    this.#wanted = true;
    if (this.#underWay) return;
    this.#underWay = true;
    while (this.#wanted) {
      this.#wanted = false;
      await this.#act();
    }
    this.#underWay = false;
  }
}
