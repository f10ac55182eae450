import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { addTick, INTERVALS, MAX_CANDLES, type Interval } from "../lib/candles";
import { price } from "../lib/format";
import { canDraw, overlaysOf, sampled, type Bar, type Overlay } from "../lib/indicators";
import { market } from "../lib/market";
import type { PriceLevel } from "../lib/orders";
import { candlesQuery, ticksQuery } from "../lib/queries";
import { timeframeLabel } from "../lib/timeframe";
import type { Candle, Graph, Tick, Trade } from "../lib/types";
import { PriceView, type Look } from "./price-view";

/** How often lines are computed anew: they are for the eye, and cost a pass over all bars. */
const OVERLAY_MS = 1_000;
/**
 * How often the newest bars are drawn at most: each time the chart goes over all of its bars, which at
 * sixty times a second would leave no frame for anything else. Less than two frames of 60 a second, so
 * that each second one draws.
 */
const DRAW_MS = 30;

export interface PriceChartProps {
  symbol: string;
  interval: Interval;
  look: Look;
  trades: readonly Trade[];
  levels: readonly PriceLevel[];
  /** The strategy, for its lines. */
  graph: Graph | null;
  /** What the strategy is evaluated on: "tick" or a bar's length. */
  timeframe: string;
}

/** A trade as a bar of its own: what a strategy on every trade computes with. */
function tickBars(ticks: readonly Tick[]): (Bar & { second: number })[] {
  return ticks.map(({ price: value, volume, timestamp }) => {
    const second = Date.parse(timestamp) / 1000;
    return { time: second, second, open: value, high: value, low: value, close: value, volume };
  });
}

function computed(
  graph: Graph | null,
  bars: readonly Candle[],
  ticks: readonly Tick[] | null,
): Overlay[] {
  if (!graph) return [];
  if (ticks === null) return overlaysOf(graph, bars);
  const asBars = tickBars(ticks);
  return overlaysOf(graph, asBars).map((overlay) => ({
    ...overlay,
    values: sampled(bars, asBars, overlay.values),
  }));
}

/** Candles or a line from the server, continued by the stream, with all that the session does. */
export default function PriceChart(props: PriceChartProps) {
  const { symbol, interval, look, trades, levels, graph, timeframe } = props;
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<PriceView | null>(null);
  const bars = useRef<Candle[]>([]);
  const shown = useRef("");
  const [legend, setLegend] = useState<{ label: string; color: string; value: number }[]>([]);
  const query = useQuery({
    ...candlesQuery(symbol, interval, MAX_CANDLES),
    // The stream is coalesced: what passed between two of its ticks comes with the next read.
    refetchInterval: 10_000,
  });
  // A line over bars is right only on the bars that the strategy itself sees.
  const drawable = graph !== null && canDraw(graph);
  const onTicks = timeframe === "tick";
  const ticks = useQuery({ ...ticksQuery(symbol), enabled: drawable && onTicks });
  const lines = drawable && (onTicks || timeframe === interval) ? graph : null;
  const overlayInput = useRef({ lines, ticks: onTicks ? (ticks.data ?? []) : null });

  useEffect(() => {
    if (!box.current) return undefined;
    const made = new PriceView(box.current);
    view.current = made;
    return () => {
      view.current = null;
      shown.current = "";
      made.dispose();
    };
  }, []);

  useEffect(() => view.current?.setLook(look), [look]);
  useEffect(() => view.current?.setTrades(trades), [trades]);
  useEffect(() => view.current?.setLevels(levels), [levels]);

  useEffect(() => {
    if (!view.current || !query.data || query.isPlaceholderData) return;
    const name = `${symbol}:${interval}`;
    const fresh = shown.current !== name;
    shown.current = name;
    // A read that left before the newest ticks came must not take the last bar back.
    const newest = fresh ? undefined : bars.current.at(-1);
    const last = query.data.at(-1);
    bars.current =
      newest && last && newest.time >= last.time
        ? [...query.data.filter((candle) => candle.time < newest.time), newest]
        : [...query.data];
    view.current.setBars(bars.current, fresh);
  }, [query.data, query.isPlaceholderData, symbol, interval]);

  useEffect(() => {
    // Many ticks within a moment are one change of the picture.
    const changed = new Map<number, Candle>();
    let frame = 0;
    let drawn = 0;
    const flush = (now: number) => {
      if (now - drawn < DRAW_MS) {
        frame = requestAnimationFrame(flush);
        return;
      }
      drawn = now;
      frame = 0;
      view.current?.update(changed.values());
      changed.clear();
    };
    const stop = market.listen(symbol, (tick) => {
      if (shown.current !== `${symbol}:${interval}`) return;
      const candle = addTick(bars.current, tick, INTERVALS[interval]);
      if (!candle) return;
      changed.set(candle.time, candle);
      frame ||= requestAnimationFrame(flush);
    });
    return () => {
      stop();
      cancelAnimationFrame(frame);
    };
  }, [symbol, interval]);

  useEffect(() => {
    overlayInput.current = { lines, ticks: onTicks ? (ticks.data ?? []) : null };
  });
  useEffect(() => {
    const draw = () => {
      if (!view.current) return;
      const overlays = computed(
        overlayInput.current.lines,
        bars.current,
        overlayInput.current.ticks,
      );
      const colors = view.current.setOverlays(overlays);
      setLegend(
        overlays.map(({ label, values }, index) => ({
          label,
          color: colors[index] ?? "",
          value: values.findLast((value) => !Number.isNaN(value)) ?? Number.NaN,
        })),
      );
    };
    draw();
    if (!lines) return undefined;
    const timer = setInterval(draw, OVERLAY_MS);
    return () => clearInterval(timer);
  }, [lines, interval, query.data, ticks.data]);

  return (
    <div className="chart-box">
      <div ref={box} className="chart" role="img" aria-label={`Price of ${symbol} with trades`} />
      {legend.length > 0 && (
        <ul className="legend" aria-label="Indicators of the strategy">
          {legend.map(({ label, color, value }) => (
            <li key={label}>
              <span className="legend-line" style={{ background: color }} aria-hidden="true" />
              {label} <span className="num">{price(value)}</span>
            </li>
          ))}
        </ul>
      )}
      {drawable && !lines && (
        <p className="legend">
          {timeframe in INTERVALS
            ? `Indicators are drawn on ${timeframe} bars, as the strategy sees them.`
            : `Indicators of ${timeframeLabel(timeframe)} can't be drawn over bars of time.`}
        </p>
      )}
      {query.isPending && <div className="chart-note">Loading prices…</div>}
      {query.isError && !query.data && <div className="chart-note">Prices can't be loaded.</div>}
      {query.data?.length === 0 && <div className="chart-note">Waiting for the first trade…</div>}
    </div>
  );
}
