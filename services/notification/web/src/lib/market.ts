/** Live prices: one server-sent stream for all symbols that the page knows of. */
import { useCallback, useSyncExternalStore } from "react";
import { Store } from "./store";
import type { Tick } from "./types";

export type StreamState = "idle" | "connecting" | "live" | "retrying";

const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 15_000;

export interface Quote {
  tick: Tick;
  /** Of the last change of price; stays while trades repeat the same price. */
  direction: "up" | "down" | "flat";
}

class Market {
  readonly state = new Store<StreamState>("idle");
  private readonly quotes = new Map<string, Quote>();
  private readonly listeners = new Map<string, Set<(tick: Tick) => void>>();
  private readonly watchers = new Map<string, Set<() => void>>();
  /** Symbols whose watchers are told in the next frame. */
  private readonly moved = new Set<string>();
  private frame = 0;
  private symbols: string[] = [];
  private source: EventSource | null = null;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private delay = RETRY_MIN_MS;

  /** Opens the stream for these symbols; called again, it reopens only if they changed. */
  watch(symbols: readonly string[]): void {
    const wanted = [...new Set(symbols)].sort();
    if (wanted.join() === this.symbols.join()) return;
    this.symbols = wanted;
    this.open();
  }

  quote(symbol: string): Quote | undefined {
    return this.quotes.get(symbol);
  }

  /** Hears every tick. */
  listen(symbol: string, listener: (tick: Tick) => void): () => void {
    return added(this.listeners, symbol, listener);
  }

  /** Is told when the quote is another one, once a frame at most: nobody sees more. */
  follow(symbol: string, notify: () => void): () => void {
    return added(this.watchers, symbol, notify);
  }

  private open(): void {
    clearTimeout(this.retry);
    this.source?.close();
    this.source = null;
    if (this.symbols.length === 0) {
      this.state.set("idle");
      return;
    }
    this.state.set(this.delay === RETRY_MIN_MS ? "connecting" : "retrying");
    const query = new URLSearchParams({ symbols: this.symbols.join(",") });
    const source = new EventSource(`/v1/market/stream?${query.toString()}`);
    this.source = source;
    source.addEventListener("open", () => {
      this.delay = RETRY_MIN_MS;
      this.state.set("live");
    });
    source.addEventListener("tick", (event) => this.receive(event as MessageEvent<string>));
    source.addEventListener("error", () => {
      this.state.set("retrying");
      // The browser reconnects by itself after a cut, but gives up on an HTTP error.
      if (source.readyState !== EventSource.CLOSED) return;
      this.retry = setTimeout(() => this.open(), this.delay);
      this.delay = Math.min(this.delay * 2, RETRY_MAX_MS);
    });
  }

  private receive(event: MessageEvent<string>): void {
    let tick: Tick;
    try {
      tick = JSON.parse(event.data) as Tick;
    } catch {
      return;
    }
    if (typeof tick.symbol !== "string" || typeof tick.price !== "number") return;
    const before = this.quotes.get(tick.symbol);
    const change = before ? tick.price - before.tick.price : 0;
    const direction = change > 0 ? "up" : change < 0 ? "down" : (before?.direction ?? "flat");
    this.quotes.set(tick.symbol, { tick, direction });
    for (const listener of this.listeners.get(tick.symbol) ?? []) listener(tick);
    this.moved.add(tick.symbol);
    this.frame ||= requestAnimationFrame(() => this.tell());
  }

  private tell(): void {
    this.frame = 0;
    const moved = [...this.moved];
    this.moved.clear();
    for (const symbol of moved) {
      for (const notify of [...(this.watchers.get(symbol) ?? [])]) notify();
    }
  }
}

function added<T>(sets: Map<string, Set<T>>, key: string, item: T): () => void {
  const set = sets.get(key) ?? new Set<T>();
  sets.set(key, set.add(item));
  return () => set.delete(item);
}

export const market = new Market();

export function useQuote(symbol: string): Quote | undefined {
  const subscribe = useCallback((notify: () => void) => market.follow(symbol, notify), [symbol]);
  return useSyncExternalStore(subscribe, () => market.quote(symbol));
}
