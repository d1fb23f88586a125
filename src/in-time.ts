/** Time ran out. What was waited for may still end, and nobody hears of it. */
export class Late extends Error {
  override name = 'Late';
}

/** @throws {Late} when `work` has not ended in `ms`, and what `work` throws */
export async function inTime<T>(work: T | Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Late(`no answer in ${ms} ms`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
