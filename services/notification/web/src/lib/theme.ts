import { Store } from "./store";

export type Theme = "system" | "light" | "dark";
const STORAGE_KEY = "algotrade.theme";
const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");

function initial(): Theme {
  const chosen = document.documentElement.dataset.theme;
  return chosen === "light" || chosen === "dark" ? chosen : "system";
}

export const theme = new Store<Theme>(initial());

/** What is painted now; charts listen to it, since a canvas doesn't follow CSS variables. */
export const painted = new Store<"light" | "dark">("light");

function paint(): void {
  const chosen = theme.get();
  painted.set(chosen === "system" ? (prefersDark.matches ? "dark" : "light") : chosen);
}

prefersDark.addEventListener("change", paint);
paint();

export function setTheme(next: Theme): void {
  const root = document.documentElement;
  if (next === "system") delete root.dataset.theme;
  else root.dataset.theme = next;
  try {
    if (next === "system") localStorage.removeItem(STORAGE_KEY);
    else localStorage.setItem(STORAGE_KEY, next);
  } catch {
    // Not remembered, but applied.
  }
  theme.set(next);
  paint();
}
