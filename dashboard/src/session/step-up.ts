/** Calls that wait until the person has logged in again: all of them for one dialog. */
export class StepUp {
  #waiting: ((done: boolean) => void)[] = [];
  #listeners = new Set<() => void>();

  asked = (): boolean => this.#waiting.length > 0;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Returns true when the person has logged in again, false when he would rather not. */
  ask(): Promise<boolean> {
    if (!this.#listeners.size) return Promise.resolve(false); // nobody is there who could ask
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#tell();
    });
  }

  settle(done: boolean): void {
    for (const resolve of this.#waiting.splice(0)) resolve(done);
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

export const stepUp = new StepUp();
