import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { market } from "./market";

class Source {
  static last: Source;
  static readonly CLOSED = 2;
  readyState = 1;
  private readonly listeners = new Map<string, (event: unknown) => void>();
  constructor(readonly url: string) {
    Source.last = this;
  }
  addEventListener(name: string, listener: (event: unknown) => void) {
    this.listeners.set(name, listener);
  }
  close() {
    this.readyState = Source.CLOSED;
  }
  tick(price: number) {
    const data = JSON.stringify({ symbol: "BTCUSD", price, volume: 1, timestamp: "t" });
    this.listeners.get("tick")?.({ data });
  }
}

let frames: (() => void)[] = [];

beforeEach(() => {
  frames = [];
  vi.stubGlobal("EventSource", Source);
  vi.stubGlobal("requestAnimationFrame", (step: () => void) => frames.push(step));
});

afterEach(() => {
  market.watch([]);
  vi.unstubAllGlobals();
});

test("every tick is heard, and who follows the quote is told once a frame", () => {
  market.watch(["BTCUSD"]);
  const heard = vi.fn();
  const told = vi.fn();
  const stops = [market.listen("BTCUSD", heard), market.follow("BTCUSD", told)];
  for (const price of [1, 2, 3]) Source.last.tick(price);
  expect(heard).toHaveBeenCalledTimes(3);
  expect(told).not.toHaveBeenCalled();
  expect(frames).toHaveLength(1);
  frames[0]?.();
  expect(told).toHaveBeenCalledTimes(1);
  expect(market.quote("BTCUSD")).toMatchObject({ tick: { price: 3 }, direction: "up" });
  Source.last.tick(2);
  expect(frames).toHaveLength(2);
  frames[1]?.();
  expect(told).toHaveBeenCalledTimes(2);
  for (const stop of stops) stop();
  Source.last.tick(5);
  frames.at(-1)?.();
  expect(heard).toHaveBeenCalledTimes(4);
  expect(told).toHaveBeenCalledTimes(2);
});
