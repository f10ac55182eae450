/** Figures arrive as JSON numbers or, where digits matter more, as decimals in strings. */

export function toNumber(value: unknown): number | null {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value !== "string" || value.trim() === "") return null;
  const parsed = Number(value);
  return Number.isFinite(parsed) ? parsed : null;
}

/** A copy in which these fields are numbers wherever they can be read as one. */
export function withNumbers<T extends object>(item: T, keys: readonly (keyof T)[]): T {
  const copy = { ...item };
  for (const key of keys) {
    const value = toNumber(item[key]);
    if (value !== null) copy[key] = value as T[keyof T];
  }
  return copy;
}
