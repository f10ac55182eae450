import {
  AreaSeries,
  BaselineSeries,
  LineSeries,
  LineStyle,
  type IChartApi,
} from "lightweight-charts";
import { useEffect, useRef } from "react";
import { drawdownLine, equityLine, holdLine, type LinePoint } from "../lib/equity";
import { money } from "../lib/format";
import type { EquityPoint } from "../lib/types";
import { faded, makeChart, type Palette } from "./base";
import { GrowingLine } from "./lines";

/** How much of the height the drawdown below takes, against 1 for equity. */
const DRAWDOWN_STRETCH = 0.42;

interface Parts {
  chart: IChartApi;
  equity: GrowingLine<"Baseline">;
  hold: GrowingLine<"Line">;
  drawdown: GrowingLine<"Area"> | null;
  fitted: boolean;
}

/** Equity over event time, green above the starting balance and red below it, beside what buying
 *  and holding would have given, with the drawdown below. */
export default function EquityChart({
  points,
  initial,
  line: given,
  drawdown = true,
  label = "Equity of the session over time",
}: {
  points: readonly EquityPoint[];
  initial: number;
  /** Instead of points: a curve that is already made. */
  line?: readonly LinePoint[];
  drawdown?: boolean;
  label?: string;
}) {
  const box = useRef<HTMLDivElement>(null);
  const parts = useRef<Parts | null>(null);

  useEffect(() => {
    if (!box.current) return undefined;
    const paint = (colors: Palette) => {
      equity.applyOptions({
        topLineColor: colors.up,
        topFillColor1: colors.upFill,
        topFillColor2: faded(colors.up),
        bottomLineColor: colors.down,
        bottomFillColor1: faded(colors.down),
        bottomFillColor2: colors.downFill,
      });
      base.applyOptions({ color: colors.muted });
      hold.applyOptions({ color: colors.muted });
      fall?.applyOptions({
        lineColor: colors.down,
        topColor: faded(colors.down),
        bottomColor: colors.downFill,
      });
    };
    const made = makeChart(box.current, paint, money);
    const hold = made.chart.addSeries(LineSeries, {
      lineWidth: 1,
      lineStyle: LineStyle.Dashed,
      priceLineVisible: false,
      lastValueVisible: false,
    });
    const equity = made.chart.addSeries(BaselineSeries, {
      baseValue: { type: "price", price: initial },
      lineWidth: 2,
      priceLineVisible: false,
    });
    const base = equity.createPriceLine({
      price: initial,
      lineWidth: 1,
      lineStyle: LineStyle.Dotted,
      axisLabelVisible: false,
    });
    const fall = drawdown
      ? made.chart.addSeries(
          AreaSeries,
          {
            lineWidth: 1,
            invertFilledArea: true,
            priceLineVisible: false,
            priceFormat: { type: "custom", formatter: (value: number) => `${money(value)}%` },
          },
          1,
        )
      : null;
    made.chart.panes()[1]?.setStretchFactor(DRAWDOWN_STRETCH);
    parts.current = {
      chart: made.chart,
      equity: new GrowingLine(equity),
      hold: new GrowingLine(hold),
      drawdown: fall && new GrowingLine(fall),
      fitted: false,
    };
    paint(made.colors);
    return () => {
      parts.current = null;
      made.dispose();
    };
  }, [initial, drawdown]);

  useEffect(() => {
    const current = parts.current;
    if (!current) return;
    const line = given ?? equityLine(points);
    current.equity.set(line);
    current.hold.set(holdLine(points, initial));
    current.drawdown?.set(drawdownLine(line));
    if (line.length > 1 && !current.fitted) {
      current.fitted = true;
      current.chart.timeScale().fitContent();
    }
  }, [points, given, initial, drawdown]);

  const empty = (given ?? points).length === 0;
  return (
    <div className="chart-box">
      <div ref={box} className="chart" role="img" aria-label={label} />
      {empty && <div className="chart-note">The first value comes with a trade.</div>}
    </div>
  );
}
