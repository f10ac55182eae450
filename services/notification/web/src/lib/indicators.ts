/**
 * The strategy's own lines on the chart. Formulas are the engine's (docs/strategy-graph.md); the
 * figures are for the eye, so binary floats will do. NaN stands where there is no value yet.
 */
import { fieldValue, nodeFields, nodeTitle } from "./graph";
import type { Graph, GraphNode } from "./types";

export interface Bar {
  time: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
}

export function sma(values: readonly number[], period: number): number[] {
  let sum = 0;
  return values.map((value, index) => {
    sum += value - (index >= period ? (values[index - period] ?? 0) : 0);
    return index >= period - 1 ? sum / period : Number.NaN;
  });
}

/** Seeded with the mean of the first `period` values. */
export function ema(values: readonly number[], period: number): number[] {
  const factor = 2 / (period + 1);
  let seed = 0;
  let current = Number.NaN;
  return values.map((value, index) => {
    if (index < period) {
      seed += value;
      if (index === period - 1) current = seed / period;
    } else {
      current += (value - current) * factor;
    }
    return current;
  });
}

export function wma(values: readonly number[], period: number): number[] {
  const weights = (period * (period + 1)) / 2;
  return values.map((_, index) => {
    if (index < period - 1) return Number.NaN;
    let sum = 0;
    for (let age = 0; age < period; age += 1) sum += (values[index - age] ?? 0) * (period - age);
    return sum / weights;
  });
}

function extreme(values: readonly number[], period: number, pick: (...all: number[]) => number) {
  return values.map((_, index) =>
    index < period - 1 ? Number.NaN : pick(...values.slice(index - period + 1, index + 1)),
  );
}

export function deviation(values: readonly number[], period: number): number[] {
  const means = sma(values, period);
  return values.map((_, index) => {
    const mean = means[index] ?? Number.NaN;
    if (Number.isNaN(mean)) return Number.NaN;
    let sum = 0;
    for (let age = 0; age < period; age += 1) sum += ((values[index - age] ?? 0) - mean) ** 2;
    return Math.sqrt(sum / period);
  });
}

export function rsi(values: readonly number[], period: number): number[] {
  let gain = 0;
  let loss = 0;
  return values.map((value, index) => {
    if (index === 0) return Number.NaN;
    const change = value - (values[index - 1] ?? value);
    const up = Math.max(change, 0);
    const down = Math.max(-change, 0);
    if (index <= period) {
      gain += up / period;
      loss += down / period;
      if (index < period) return Number.NaN;
    } else {
      gain = (gain * (period - 1) + up) / period;
      loss = (loss * (period - 1) + down) / period;
    }
    return gain + loss < 1e-14 ? 0 : (100 * gain) / (gain + loss);
  });
}

export interface Overlay {
  key: string;
  label: string;
  /** "price" lies on the candles, "rsi" below them on a scale of its own. */
  pane: "price" | "rsi";
  values: number[];
}

/** Longer windows than this are left to the server: the chart has no more bars. */
const MAX_PERIOD = 5_000;
const MAX_OVERLAYS = 8;

/** The node's parameters as a session uses them. */
function parameter(node: GraphNode, key: string): number {
  const field = nodeFields(node).find((item) => item.key === key);
  const value = field ? Number(fieldValue(node, field)) : Number.NaN;
  return value > 0 && value <= MAX_PERIOD ? value : Number.NaN;
}

type Price = "open" | "high" | "low" | "close" | "volume";

/** The price that alone enters a node; null where it is computed from something else. */
function priceInto(graph: Graph, node: GraphNode): Price | null {
  const sources = graph.edges.filter((edge) => edge.target === node.id);
  if (sources.length === 0) return "close";
  const from = graph.nodes.find((item) => item.id === sources[0]?.source);
  if (sources.length > 1 || from?.type !== "priceNode") return null;
  const kind = from.data?.priceType;
  return kind === "open" || kind === "high" || kind === "low" || kind === "volume" ? kind : "close";
}

function add(values: number[], spread: number[], factor: number): number[] {
  return values.map((value, index) => value + (spread[index] ?? Number.NaN) * factor);
}

function linesOf(node: GraphNode, bars: readonly Bar[], price: Price): [string, number[]][] {
  const values = bars.map((bar) => bar[price]);
  const period = parameter(node, "period");
  if (!Number.isInteger(period)) return [];
  switch (node.type) {
    case "smaNode":
      return [["", sma(values, period)]];
    case "emaNode":
      return [["", ema(values, period)]];
    case "wmaNode":
      return [["", wma(values, period)]];
    case "rsiNode":
      return [["", rsi(values, period)]];
    case "highestNode":
      return [["", extreme(values, period, Math.max)]];
    case "lowestNode":
      return [["", extreme(values, period, Math.min)]];
    case "bollingerBandsNode": {
      const middle = sma(values, period);
      const spread = deviation(values, period);
      const factor = parameter(node, "deviation");
      return [
        ["upper", add(middle, spread, factor)],
        ["middle", middle],
        ["lower", add(middle, spread, -factor)],
      ];
    }
    case "donchianNode": {
      const highs = bars.map((bar) => bar.high);
      const lows = bars.map((bar) => bar.low);
      return [
        ["upper", extreme(highs, period, Math.max)],
        ["lower", extreme(lows, period, Math.min)],
      ];
    }
    default:
      return [];
  }
}

const DRAWN = new Set([
  "smaNode",
  "emaNode",
  "wmaNode",
  "rsiNode",
  "highestNode",
  "lowestNode",
  "bollingerBandsNode",
  "donchianNode",
]);

export function canDraw(graph: Graph): boolean {
  return graph.nodes.some((node) => DRAWN.has(node.type));
}

/** Every line of a strategy that can be drawn from bars alone. */
export function overlaysOf(graph: Graph, bars: readonly Bar[]): Overlay[] {
  const found: Overlay[] = [];
  for (const node of graph.nodes) {
    if (!DRAWN.has(node.type)) continue;
    const price = priceInto(graph, node);
    if (price === null || price === "volume") continue;
    const period = parameter(node, "period");
    for (const [part, values] of linesOf(node, bars, price)) {
      const label = [nodeTitle(node), period, part].filter(Boolean).join(" ");
      const pane = node.type === "rsiNode" ? "rsi" : "price";
      // Two nodes that say the same are one line.
      if (found.some((item) => item.label === label)) continue;
      found.push({ key: `${node.id}:${part}`, label, pane, values });
    }
  }
  return found.slice(0, MAX_OVERLAYS);
}

/** Of several values within one bar the last: for strategies that run on each trade. */
export function sampled(
  bars: readonly { time: number }[],
  ticks: readonly { second: number }[],
  values: readonly number[],
): number[] {
  const result: number[] = bars.map(() => Number.NaN);
  let bar = 0;
  for (const [index, tick] of ticks.entries()) {
    while (bar + 1 < bars.length && (bars[bar + 1]?.time ?? 0) <= tick.second) bar += 1;
    if (tick.second >= (bars[bar]?.time ?? 0)) result[bar] = values[index] ?? Number.NaN;
  }
  return result;
}
