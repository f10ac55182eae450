/** Times of what was read or pushed, each parsed once: charts ask for all of them at each change. */
const known = new WeakMap<object, number>();

/** Seconds since the epoch; NaN for what is no time. */
export function secondOf(item: { timestamp: string }): number {
  const found = known.get(item);
  if (found !== undefined) return found;
  const second = Date.parse(item.timestamp) / 1000;
  known.set(item, second);
  return second;
}
