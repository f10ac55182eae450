import { useQuery } from "@tanstack/react-query";
import {
  CandlestickSeries,
  createSeriesMarkers,
  HistogramSeries,
  LineSeries,
  type IChartApi,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  type SeriesMarker,
  type Time,
  type UTCTimestamp,
} from "lightweight-charts";
import { useEffect, useRef } from "react";
import { addTick, INTERVALS, markersOf, type Interval } from "../lib/candles";
import { price, priceDecimals } from "../lib/format";
import { market } from "../lib/market";
import { candlesQuery } from "../lib/queries";
import type { Candle, Trade } from "../lib/types";
import { makeChart, type Palette } from "./base";

const CANDLES = 1_000;
/** Bars first in view; more are a drag away. */
const VISIBLE = 120;

type Look = "candles" | "line";

interface Parts {
  chart: IChartApi;
  candles: ISeriesApi<"Candlestick">;
  line: ISeriesApi<"Line">;
  volume: ISeriesApi<"Histogram">;
  candleMarkers: ISeriesMarkersPluginApi<Time>;
  lineMarkers: ISeriesMarkersPluginApi<Time>;
}

const at = (seconds: number) => seconds as UTCTimestamp;
const bar = (candle: Candle) => ({ ...candle, time: at(candle.time) });
const close = (candle: Candle) => ({ time: at(candle.time), value: candle.close });

function volumeBar(candle: Candle, colors: Palette) {
  const color = candle.close >= candle.open ? colors.upFill : colors.downFill;
  return { time: at(candle.time), value: candle.volume, color };
}

function toMarkers(candles: Candle[], trades: readonly Trade[], colors: Palette) {
  return markersOf(candles, trades).map(({ time, action, count }): SeriesMarker<Time> => ({
    time: at(time),
    position: action === "BUY" ? "belowBar" : "aboveBar",
    shape: action === "BUY" ? "arrowUp" : "arrowDown",
    color: action === "BUY" ? colors.up : colors.down,
    size: 1,
    text: count > 1 ? String(count) : "",
  }));
}

/** Candles or a line from the server, continued by the stream, with the session's trades on it. */
export default function PriceChart({
  symbol,
  interval,
  look,
  trades,
}: {
  symbol: string;
  interval: Interval;
  look: Look;
  trades: readonly Trade[];
}) {
  const box = useRef<HTMLDivElement>(null);
  const parts = useRef<Parts | null>(null);
  const colors = useRef<Palette | null>(null);
  const data = useRef<Candle[]>([]);
  const shownTrades = useRef(trades);
  const query = useQuery({
    ...candlesQuery(symbol, interval, CANDLES),
    // The stream is coalesced: what passed between two of its ticks comes with the next read.
    refetchInterval: 10_000,
  });

  useEffect(() => {
    if (!box.current) return undefined;
    const paint = (next: Palette) => {
      colors.current = next;
      candles.applyOptions({
        upColor: next.up,
        downColor: next.down,
        wickUpColor: next.up,
        wickDownColor: next.down,
        borderVisible: false,
      });
      line.applyOptions({ color: next.accent });
      volume.setData(data.current.map((candle) => volumeBar(candle, next)));
      const markers = toMarkers(data.current, shownTrades.current, next);
      candleMarkers.setMarkers(markers);
      lineMarkers.setMarkers(markers);
    };
    const made = makeChart(box.current, paint, price);
    const { chart } = made;
    const volume = chart.addSeries(HistogramSeries, {
      priceScaleId: "volume",
      priceFormat: { type: "volume" },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    const candles = chart.addSeries(CandlestickSeries, {});
    const line = chart.addSeries(LineSeries, { lineWidth: 2 });
    chart.priceScale("right").applyOptions({ scaleMargins: { top: 0.1, bottom: 0.2 } });
    const candleMarkers = createSeriesMarkers<Time>(candles, []);
    const lineMarkers = createSeriesMarkers<Time>(line, []);
    parts.current = { chart, candles, line, volume, candleMarkers, lineMarkers };
    paint(made.colors);
    return () => {
      parts.current = null;
      made.dispose();
    };
  }, []);

  useEffect(() => {
    parts.current?.candles.applyOptions({ visible: look === "candles" });
    parts.current?.line.applyOptions({ visible: look === "line" });
  }, [look]);

  const shown = useRef("");
  useEffect(() => {
    const chart = parts.current;
    if (!chart || !query.data || query.isPlaceholderData || !colors.current) return;
    const candles = query.data;
    const view = `${symbol}:${interval}`;
    const fresh = shown.current !== view;
    shown.current = view;
    // A read that left before the newest ticks came must not take the last bar back.
    const newest = fresh ? undefined : data.current.at(-1);
    const last = candles.at(-1);
    data.current =
      newest && last && newest.time >= last.time
        ? [...candles.filter((candle) => candle.time < newest.time), newest]
        : [...candles];
    const lastPrice = data.current.at(-1)?.close ?? 0;
    const decimals = priceDecimals(lastPrice);
    const priceFormat = { type: "price", precision: decimals, minMove: 10 ** -decimals } as const;
    chart.candles.applyOptions({ priceFormat });
    chart.line.applyOptions({ priceFormat });
    chart.candles.setData(data.current.map(bar));
    chart.line.setData(data.current.map(close));
    const paint = colors.current;
    chart.volume.setData(data.current.map((candle) => volumeBar(candle, paint)));
    const markers = toMarkers(data.current, shownTrades.current, paint);
    chart.candleMarkers.setMarkers(markers);
    chart.lineMarkers.setMarkers(markers);
    if (fresh) {
      const count = data.current.length;
      const from = Math.max(0, count - VISIBLE);
      // A young market has few bars: a third of the width at least, lest one bar fills it all.
      const to = Math.max(count + 4, from + VISIBLE / 3);
      chart.chart.timeScale().setVisibleLogicalRange({ from, to });
    }
  }, [query.data, query.isPlaceholderData, symbol, interval]);

  useEffect(() => {
    shownTrades.current = trades;
    const chart = parts.current;
    if (!chart || !colors.current) return;
    const markers = toMarkers(data.current, trades, colors.current);
    chart.candleMarkers.setMarkers(markers);
    chart.lineMarkers.setMarkers(markers);
  }, [trades]);

  useEffect(
    () =>
      market.listen(symbol, (tick) => {
        const chart = parts.current;
        if (!chart || !colors.current || shown.current !== `${symbol}:${interval}`) return;
        const candle = addTick(data.current, tick, INTERVALS[interval]);
        if (!candle) return;
        chart.candles.update(bar(candle));
        chart.line.update(close(candle));
        chart.volume.update(volumeBar(candle, colors.current));
      }),
    [symbol, interval],
  );

  return (
    <div className="chart-box">
      <div ref={box} className="chart" role="img" aria-label={`Price of ${symbol} with trades`} />
      {query.isPending && <div className="chart-note">Loading prices…</div>}
      {query.isError && !query.data && <div className="chart-note">Prices can't be loaded.</div>}
      {query.data?.length === 0 && <div className="chart-note">Waiting for the first trade…</div>}
    </div>
  );
}
