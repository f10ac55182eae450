import { LineSeries } from "lightweight-charts";
import { useEffect, useRef } from "react";
import type { LinePoint } from "../lib/equity";
import { signedPercent } from "../lib/format";
import { makeChart, type Palette } from "./base";
import { GrowingLine } from "./lines";

export interface Curve {
  id: string;
  line: LinePoint[];
}

/** Several sessions' returns in percent; the colours are those of `--line-1` and on. */
export default function CompareChart({ curves }: { curves: readonly Curve[] }) {
  const box = useRef<HTMLDivElement>(null);
  const lines = useRef<GrowingLine<"Line">[]>([]);
  const ids = curves.map((curve) => curve.id).join();
  const fit = useRef<(() => void) | null>(null);

  useEffect(() => {
    if (!box.current) return undefined;
    const series: GrowingLine<"Line">[] = [];
    const paint = (colors: Palette) => {
      for (const [index, { series: line }] of series.entries()) {
        line.applyOptions({ color: colors.lines[index % colors.lines.length] ?? colors.accent });
      }
    };
    const made = makeChart(box.current, paint, signedPercent);
    while (series.length < ids.split(",").length) {
      const line = made.chart.addSeries(LineSeries, { lineWidth: 2, priceLineVisible: false });
      series.push(new GrowingLine(line));
    }
    paint(made.colors);
    lines.current = series;
    fit.current = () => made.chart.timeScale().fitContent();
    return () => {
      lines.current = [];
      made.dispose();
    };
  }, [ids]);

  useEffect(() => {
    for (const [index, { line }] of curves.entries()) lines.current[index]?.set(line);
    fit.current?.();
  }, [curves, ids]);

  return (
    <div className="chart-box">
      <div ref={box} className="chart" role="img" aria-label="Returns of the sessions over time" />
    </div>
  );
}
