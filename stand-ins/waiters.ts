/** Waiting for something to happen, woken by the event itself. */
export interface Waiters<T> {
  /** Shows `item`, new or changed, to everyone who waits. */
  show(item: T): void;
  /**
   * Resolves with the first match, among `known` or shown later.
   * @throws Error(`expectation`) after `timeoutMs`
   */
  wait(
    known: readonly T[],
    matches: (item: T) => boolean,
    timeoutMs: number,
    expectation: string,
  ): Promise<T>;
}

export function createWaiters<T>(): Waiters<T> {
  const looks = new Set<(item: T) => void>();
  return {
    show(item) {
      for (const look of looks) look(item);
    },
    wait(known, matches, timeoutMs, expectation) {
      const match = known.find(matches);
      if (match !== undefined) return Promise.resolve(match);
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          looks.delete(look);
          reject(new Error(`${expectation} within ${timeoutMs} ms.`));
        }, timeoutMs);
        const look = (item: T) => {
          if (!matches(item)) return;
          clearTimeout(timer);
          looks.delete(look);
          resolve(item);
        };
        looks.add(look);
      });
    },
  };
}
