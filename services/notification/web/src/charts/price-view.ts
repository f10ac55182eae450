/** The price chart's series, outside React: it changes more often than pages render. */
import {
  CandlestickSeries,
  createSeriesMarkers,
  HistogramSeries,
  LineSeries,
  LineStyle,
  type IChartApi,
  type IPriceLine,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  type SeriesMarker,
  type Time,
  type UTCTimestamp,
} from "lightweight-charts";
import { markersOf } from "../lib/candles";
import { price, priceDecimals } from "../lib/format";
import type { Overlay } from "../lib/indicators";
import type { PriceLevel } from "../lib/orders";
import type { Candle, Trade } from "../lib/types";
import { makeChart, type Palette } from "./base";

/** Bars first in view; more are a drag away. */
const VISIBLE = 120;
/** The share of the height that the oscillator below the price takes. */
const OSCILLATOR_STRETCH = 0.3;

export type Look = "candles" | "line";

const at = (seconds: number) => seconds as UTCTimestamp;
const bar = (candle: Candle) => ({ ...candle, time: at(candle.time) });
const close = (candle: Candle) => ({ time: at(candle.time), value: candle.close });

interface Line {
  overlay: Overlay;
  series: ISeriesApi<"Line">;
  /** Bars that were drawn, to draw only what came since. */
  first: number;
  count: number;
}

export class PriceView {
  private readonly chart: IChartApi;
  private readonly candles: ISeriesApi<"Candlestick">;
  private readonly line: ISeriesApi<"Line">;
  private readonly volume: ISeriesApi<"Histogram">;
  private readonly candleMarkers: ISeriesMarkersPluginApi<Time>;
  private readonly lineMarkers: ISeriesMarkersPluginApi<Time>;
  private readonly lines = new Map<string, Line>();
  private levels: { level: PriceLevel; lines: IPriceLine[] }[] = [];
  private colors: Palette;
  private bars: readonly Candle[] = [];
  private trades: readonly Trade[] = [];
  private look: Look = "candles";
  /** What is drawn as marks, to draw them anew only where they are others. */
  private marked = "";
  readonly dispose: () => void;

  constructor(box: HTMLElement) {
    const made = makeChart(box, (colors) => this.paint(colors), price);
    this.chart = made.chart;
    this.colors = made.colors;
    this.dispose = made.dispose;
    this.volume = this.chart.addSeries(HistogramSeries, {
      priceScaleId: "volume",
      priceFormat: { type: "volume" },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    this.candles = this.chart.addSeries(CandlestickSeries, {});
    this.line = this.chart.addSeries(LineSeries, { lineWidth: 2 });
    this.chart.priceScale("right").applyOptions({ scaleMargins: { top: 0.1, bottom: 0.2 } });
    this.candleMarkers = createSeriesMarkers<Time>(this.candles, []);
    this.lineMarkers = createSeriesMarkers<Time>(this.line, []);
    this.paint(made.colors);
  }

  setLook(look: Look): void {
    this.look = look;
    this.candles.applyOptions({ visible: look === "candles" });
    this.line.applyOptions({ visible: look === "line" });
    this.fill();
    this.mark(true);
  }

  /** Only the series that is seen has bars: the other would be laid out with each of them, too. */
  private fill(): void {
    // First the one that gets bars, so that the chart is never without any and keeps its place.
    if (this.look === "candles") {
      this.candles.setData(this.bars.map(bar));
      this.line.setData([]);
    } else {
      this.line.setData(this.bars.map(close));
      this.candles.setData([]);
    }
  }

  /** All bars anew; `fresh` when they are others than before, which resets the view. */
  setBars(bars: readonly Candle[], fresh: boolean): void {
    this.bars = bars;
    const decimals = priceDecimals(bars.at(-1)?.close ?? 0);
    const priceFormat = { type: "price", precision: decimals, minMove: 10 ** -decimals } as const;
    this.candles.applyOptions({ priceFormat });
    this.line.applyOptions({ priceFormat });
    this.fill();
    this.volume.setData(bars.map((candle) => this.volumeBar(candle)));
    this.mark(true);
    if (!fresh) return;
    const from = Math.max(0, bars.length - VISIBLE);
    // A young market has few bars: a third of the width at least, lest one bar fills it all.
    const to = Math.max(bars.length + 4, from + VISIBLE / 3);
    this.chart.timeScale().setVisibleLogicalRange({ from, to });
  }

  /** Bars that changed or are new, the oldest first. */
  update(changed: Iterable<Candle>): void {
    for (const candle of changed) {
      if (this.look === "candles") this.candles.update(bar(candle));
      else this.line.update(close(candle));
      this.volume.update(this.volumeBar(candle));
    }
  }

  setTrades(trades: readonly Trade[]): void {
    this.trades = trades;
    this.mark();
  }

  setLevels(levels: readonly PriceLevel[]): void {
    for (const { lines } of this.levels) {
      const [candleLine, lineLine] = lines;
      if (candleLine) this.candles.removePriceLine(candleLine);
      if (lineLine) this.line.removePriceLine(lineLine);
    }
    this.levels = levels.map((level) => {
      const options = {
        price: level.price,
        title: level.label,
        color: this.levelColor(level),
        lineWidth: 1 as const,
        lineStyle: level.kind === "entry" ? LineStyle.Dotted : LineStyle.Dashed,
      };
      return {
        level,
        lines: [this.candles.createPriceLine(options), this.line.createPriceLine(options)],
      };
    });
  }

  /** The strategy's lines, with a value for each bar; returns the colour of each. */
  setOverlays(overlays: readonly Overlay[]): string[] {
    for (const [key, { series }] of this.lines) {
      if (overlays.some((overlay) => overlay.key === key)) continue;
      this.chart.removeSeries(series);
      this.lines.delete(key);
    }
    for (const [index, overlay] of overlays.entries()) {
      const color = this.lineColor(index);
      const line = this.lines.get(overlay.key) ?? this.addLine(overlay, color);
      line.overlay = overlay;
      this.draw(line);
    }
    if (overlays.some((overlay) => overlay.pane === "rsi")) {
      this.chart.panes()[1]?.setStretchFactor(OSCILLATOR_STRETCH);
    }
    return overlays.map((_, index) => this.lineColor(index));
  }

  private addLine(overlay: Overlay, color: string): Line {
    const pane = overlay.pane === "rsi" ? 1 : 0;
    const options = {
      color,
      lineWidth: 1 as const,
      priceLineVisible: false,
      lastValueVisible: overlay.pane === "rsi",
      crosshairMarkerVisible: false,
    };
    const series = this.chart.addSeries(LineSeries, options, pane);
    if (overlay.pane === "rsi") {
      for (const level of [30, 70]) {
        series.createPriceLine({
          price: level,
          color: this.colors.border,
          lineWidth: 1,
          lineStyle: LineStyle.Dotted,
          axisLabelVisible: false,
        });
      }
    }
    const line = { overlay, series, first: 0, count: 0 };
    this.lines.set(overlay.key, line);
    return line;
  }

  private draw(line: Line): void {
    const first = this.bars[0]?.time ?? 0;
    const { values } = line.overlay;
    const added = this.bars.length - line.count;
    const points = (from: number) =>
      this.bars.slice(from).map((candle, index) => {
        const value = values[from + index] ?? Number.NaN;
        const time = at(candle.time);
        return Number.isNaN(value) ? { time } : { time, value };
      });
    if (line.count > 0 && first === line.first && added >= 0 && added < 5) {
      for (const point of points(Math.max(0, line.count - 1))) line.series.update(point);
    } else {
      line.series.setData(points(0));
    }
    Object.assign(line, { first, count: this.bars.length });
  }

  private lineColor(index: number): string {
    return this.colors.lines[index % this.colors.lines.length] ?? this.colors.accent;
  }

  private levelColor(level: PriceLevel): string {
    if (level.kind === "entry") return this.colors.muted;
    return level.kind === "buy" ? this.colors.up : this.colors.down;
  }

  private volumeBar(candle: Candle) {
    const color = candle.close >= candle.open ? this.colors.upFill : this.colors.downFill;
    return { time: at(candle.time), value: candle.volume, color };
  }

  private mark(anew = false): void {
    const { up, down } = this.colors;
    const marks = markersOf(this.bars, this.trades);
    const marked = marks.map(({ time, action, count }) => `${time}${action}${count}`).join();
    if (marked === this.marked && !anew) return;
    this.marked = marked;
    const markers = marks.map(({ time, action, count }): SeriesMarker<Time> => ({
      time: at(time),
      position: action === "BUY" ? "belowBar" : "aboveBar",
      shape: action === "BUY" ? "arrowUp" : "arrowDown",
      color: action === "BUY" ? up : down,
      size: 1,
      text: count > 1 ? String(count) : "",
    }));
    // On the series that isn't seen they would be laid out all the same.
    this.candleMarkers.setMarkers(this.look === "candles" ? markers : []);
    this.lineMarkers.setMarkers(this.look === "line" ? markers : []);
  }

  private paint(colors: Palette): void {
    this.colors = colors;
    this.candles.applyOptions({
      upColor: colors.up,
      downColor: colors.down,
      wickUpColor: colors.up,
      wickDownColor: colors.down,
      borderVisible: false,
    });
    this.line.applyOptions({ color: colors.accent });
    this.volume.setData(this.bars.map((candle) => this.volumeBar(candle)));
    this.mark(true);
    this.setLevels(this.levels.map(({ level }) => level));
    for (const [index, { series }] of [...this.lines.values()].entries()) {
      series.applyOptions({ color: this.lineColor(index) });
    }
  }
}
