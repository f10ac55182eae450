/** Lines that grow at their end: only what is new is drawn. */
import type { ISeriesApi, SeriesType, UTCTimestamp } from "lightweight-charts";
import type { LinePoint } from "../lib/equity";

const point = ({ time, value }: LinePoint) => ({ time: time as UTCTimestamp, value });

export class GrowingLine<T extends SeriesType> {
  private drawn: readonly LinePoint[] = [];

  constructor(readonly series: ISeriesApi<T>) {}

  set(line: readonly LinePoint[]): void {
    const old = this.drawn;
    const last = old.at(-1);
    const grew =
      last !== undefined &&
      old[0]?.time === line[0]?.time &&
      line[old.length - 1]?.time === last.time;
    this.drawn = line.map((item) => ({ ...item }));
    // An update of a series is the cheap way; the types of its points depend on the series' own.
    if (grew && line.length - old.length < 50) {
      for (const item of line.slice(old.length - 1)) this.series.update(point(item));
    } else {
      this.series.setData(line.map(point));
    }
  }
}
