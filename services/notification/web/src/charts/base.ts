/** What both charts share: colours from the page's tokens, the reader's time zone. */
import {
  ColorType,
  createChart,
  CrosshairMode,
  LineStyle,
  TickMarkType,
  type ChartOptions,
  type DeepPartial,
  type IChartApi,
  type Time,
} from "lightweight-charts";
import { timeZone } from "../lib/preferences";
import { painted } from "../lib/theme";

export interface Palette {
  up: string;
  down: string;
  accent: string;
  text: string;
  muted: string;
  border: string;
  grid: string;
  surface: string;
  upFill: string;
  downFill: string;
  /** For several lines beside each other: a strategy's indicators, sessions to compare. */
  lines: string[];
}

/** A colour of the palette (`#rrggbb`) gone; "transparent" would fade through black. */
export function faded(color: string): string {
  return `${color}00`;
}

export function palette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return {
    up: read("--chart-up"),
    down: read("--chart-down"),
    accent: read("--accent"),
    text: read("--text"),
    muted: read("--muted"),
    border: read("--border"),
    grid: read("--grid"),
    surface: read("--surface"),
    upFill: read("--up-fill"),
    downFill: read("--down-fill"),
    lines: [1, 2, 3, 4, 5].map((index) => read(`--line-${index}`)),
  };
}

const zoned = (options: Intl.DateTimeFormatOptions) =>
  new Intl.DateTimeFormat(undefined, { hourCycle: "h23", timeZone, ...options });
const year = zoned({ year: "numeric" });
const month = zoned({ month: "short" });
const day = zoned({ day: "numeric", month: "short" });
const minutes = zoned({ hour: "2-digit", minute: "2-digit" });
const seconds = zoned({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const full = zoned({
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  timeZoneName: "short",
});

const dateOf = (time: Time) => new Date((time as number) * 1000);

function tickMark(time: Time, type: TickMarkType): string {
  const date = dateOf(time);
  if (type === TickMarkType.Year) return year.format(date);
  if (type === TickMarkType.Month) return month.format(date);
  if (type === TickMarkType.DayOfMonth) return day.format(date);
  if (type === TickMarkType.TimeWithSeconds) return seconds.format(date);
  return minutes.format(date);
}

function colours(colors: Palette): DeepPartial<ChartOptions> {
  const line = { color: colors.muted, style: LineStyle.Dashed, labelBackgroundColor: colors.muted };
  return {
    layout: {
      background: { type: ColorType.Solid, color: colors.surface },
      textColor: colors.muted,
      panes: { separatorColor: colors.border },
    },
    grid: { vertLines: { color: colors.grid }, horzLines: { color: colors.grid } },
    crosshair: { vertLine: line, horzLine: line },
    rightPriceScale: { borderColor: colors.border },
    timeScale: { borderColor: colors.border },
  };
}

/** A chart that follows its box and the theme; `paint` colours the series. */
export function makeChart(
  box: HTMLElement,
  paint: (colors: Palette) => void,
  priceText: (value: number) => string,
): { chart: IChartApi; colors: Palette; dispose: () => void } {
  const colors = palette();
  const chart = createChart(box, {
    autoSize: true,
    ...colours(colors),
    layout: {
      ...colours(colors).layout,
      fontFamily: getComputedStyle(document.body).fontFamily,
      fontSize: 11,
      // The logo brings an inline style sheet, which a strict content security policy refuses.
      // The attribution that its licence asks for stands below the chart as text.
      attributionLogo: false,
    },
    crosshair: { ...colours(colors).crosshair, mode: CrosshairMode.Normal },
    localization: {
      timeFormatter: (time: Time) => full.format(dateOf(time)),
      priceFormatter: priceText,
    },
    timeScale: {
      ...colours(colors).timeScale,
      timeVisible: true,
      secondsVisible: true,
      rightOffset: 4,
      tickMarkFormatter: tickMark,
    },
    // A chart in a page that scrolls must not swallow the page's own scrolling.
    handleScroll: { mouseWheel: false, vertTouchDrag: false },
  });
  const stop = painted.subscribe(() => {
    // The variables change with the attribute, which is set before this runs.
    const next = palette();
    chart.applyOptions(colours(next));
    paint(next);
  });
  return {
    chart,
    colors,
    dispose: () => {
      stop();
      chart.remove();
    },
  };
}
