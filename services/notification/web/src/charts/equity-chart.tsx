import { BaselineSeries, LineStyle, type ISeriesApi, type UTCTimestamp } from "lightweight-charts";
import type { IChartApi } from "lightweight-charts";
import { useEffect, useRef } from "react";
import { equityLine } from "../lib/equity";
import type { EquityPoint } from "../lib/types";
import { money } from "../lib/format";
import { faded, makeChart, type Palette } from "./base";

/** Equity over event time, green above the starting balance and red below it. */
export default function EquityChart({
  points,
  initial,
}: {
  points: readonly EquityPoint[];
  initial: number;
}) {
  const box = useRef<HTMLDivElement>(null);
  const parts = useRef<{ chart: IChartApi; series: ISeriesApi<"Baseline"> } | null>(null);
  const fitted = useRef(false);

  useEffect(() => {
    if (!box.current) return undefined;
    const paint = (colors: Palette) => {
      series.applyOptions({
        topLineColor: colors.up,
        topFillColor1: colors.upFill,
        topFillColor2: faded(colors.up),
        bottomLineColor: colors.down,
        bottomFillColor1: faded(colors.down),
        bottomFillColor2: colors.downFill,
      });
      base.applyOptions({ color: colors.muted });
    };
    const made = makeChart(box.current, paint, money);
    const series = made.chart.addSeries(BaselineSeries, {
      baseValue: { type: "price", price: initial },
      lineWidth: 2,
      priceLineVisible: false,
    });
    const base = series.createPriceLine({
      price: initial,
      lineWidth: 1,
      lineStyle: LineStyle.Dotted,
      axisLabelVisible: false,
    });
    parts.current = { chart: made.chart, series };
    fitted.current = false;
    paint(made.colors);
    return () => {
      parts.current = null;
      made.dispose();
    };
  }, [initial]);

  useEffect(() => {
    const current = parts.current;
    if (!current) return;
    const line = equityLine(points);
    current.series.setData(line.map(({ time, value }) => ({ time: time as UTCTimestamp, value })));
    if (line.length > 1 && !fitted.current) {
      fitted.current = true;
      current.chart.timeScale().fitContent();
    }
  }, [points, initial]);

  return (
    <div className="chart-box">
      <div ref={box} className="chart" role="img" aria-label="Equity of the session over time" />
      {points.length === 0 && <div className="chart-note">The first value comes with a trade.</div>}
    </div>
  );
}
