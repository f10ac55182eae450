/** The words of the script language, for completion; the compiler has the last word. */

export interface Word {
  label: string;
  /** How it is called. */
  detail: string;
  info: string;
  kind: "function" | "variable" | "keyword";
}

const series = (label: string, info: string): Word => ({
  label,
  detail: "series",
  info,
  kind: "variable",
});
const call = (label: string, args: string, info: string): Word => ({
  label,
  detail: `(${args})`,
  info,
  kind: "function",
});

export const WORDS: readonly Word[] = [
  series("open", "The bar's first price; on single trades all four are the trade's."),
  series("high", "The bar's highest price."),
  series("low", "The bar's lowest price."),
  series("close", "The bar's last price. `close[1]` is the one before."),
  series("volume", "What was traded."),
  series("bid", "Best bid after the last trade."),
  series("ask", "Best ask after the last trade."),
  call("strategy", '"name", timeframe="1m"', "What the strategy is called and made for."),
  call("param", '"name", default, min=, max=', "A value that can be changed without the script."),
  call("sma", "x, period", "Mean of the last values."),
  call("ema", "x, period", "Exponential average: follows sooner than the plain one."),
  call("wma", "x, period", "Average weighted towards the newest value."),
  call("dema", "x, period", "Double exponential average."),
  call("hull", "x, period", "Hull's average: smooth with little lag."),
  call("rsi", "x, period", "Relative strength, 0 to 100."),
  call("macd", "x, fast, slow, signal", "`.line`, `.signal` and `.histogram`."),
  call("bollinger", "x, period, deviation", "`.upper`, `.middle` and `.lower` bands."),
  call("keltner", "period, atr_period, multiplier", "`.upper`, `.middle` and `.lower` bands."),
  call("donchian", "period", "`.upper`, `.middle` and `.lower` of the last highs and lows."),
  call("ichimoku", "", "`.tenkan`, `.kijun`, `.span_a` and `.span_b`."),
  call("stochastic", "k, smooth, d", "`.k` and `.d`, 0 to 100."),
  call("williams_r", "period", "Williams %R, -100 to 0."),
  call("cci", "period", "Commodity channel index."),
  call("atr", "period", "Average true range."),
  call("adx", "period", "`.adx`, `.plus` and `.minus`: strength of a trend."),
  call("sar", "acceleration, maximum", "Parabolic stop and reverse."),
  call("supertrend", "period, multiplier", "`.line`, `.rising` and `.falling`."),
  call("obv", "", "On-balance volume."),
  call("vwap", "", "Average price weighted by volume since midnight."),
  call("rolling_vwap", "period", "Average price weighted by volume."),
  call("volume_sma", "period", "Mean of the last volumes."),
  call("volume_ratio", "period", "Volume against its mean."),
  call("roc", "x, period", "Change in percent."),
  call("momentum", "x, period", "Change."),
  call("stddev", "x, period", "Standard deviation."),
  call("zscore", "x, period", "Distance from the mean in standard deviations."),
  call("highest", "x, period", "Highest of the last values."),
  call("lowest", "x, period", "Lowest of the last values."),
  call("lag", "x, period", "The value so many evaluations ago; `x[1]` for short."),
  call("crosses_above", "fast, slow", "True where the first rises above the second."),
  call("crosses_below", "fast, slow", "True where the first falls below the second."),
  call("crosses", "a, b", "True where they cross either way."),
  call("divergence", "x, indicator", "`.bullish`, `.bearish` and `.any`."),
  call("pattern", 'x, "double_top"', "A chart pattern that has just been completed."),
  call("above", "x, level, hysteresis=0", "On above the level, off again below it."),
  call("below", "x, level, hysteresis=0", "On below the level, off again above it."),
  call("hold", "condition, minutes=5", "Stays true for a while after the condition became so."),
  call("cooldown", "condition, minutes=5", "At most once in that time."),
  call("hour", '"UTC"', "Hour of the day, 0 to 23."),
  call("minute", '"UTC"', "Minute of the hour."),
  call("day_of_week", '"UTC"', "Day of the week."),
  call("timestamp", '"UTC"', "Time of the trade."),
  call("time_between", '"09:30", "16:00"', "Whether the time is within a window."),
  call(
    "position",
    "",
    "Units held; `.entry_price`, `.unrealized`, `.unrealized_percent`, `.realized`, `.bars`, `.seconds`.",
  ),
  call("abs", "x", "Without its sign."),
  call("min", "a, b", "The smaller."),
  call("max", "a, b", "The larger."),
  call("spread", "", "Ask less bid."),
  call("spread_ratio", "", "The spread against the price."),
  call(
    "buy",
    "size=percent_of_cash(50), limit=, stop=",
    "Buys when the condition of its `if` becomes true.",
  ),
  call(
    "sell",
    "size=percent_of_position(100), limit=, stop=",
    "Sells when the condition of its `if` becomes true.",
  ),
  call("stop_loss", "percent=2", "Sells when the price falls so far below the fill."),
  call("take_profit", "percent=5", "Sells when the price rises so far above the fill."),
  call("percent_of_cash", "percent", "A size: a share of the cash."),
  call("percent_of_position", "percent", "A size: a share of what is held."),
  call("percent_of_equity", "percent", "A size: a share of the equity."),
  call(
    "percent_at_risk",
    "percent, fall",
    "A size: what loses this share if the price falls so far.",
  ),
  call("amount_at_risk", "amount, stop_percent=2", "A size: what loses this amount at the stop."),
  call("cash", "amount", "A size: for so much cash."),
  call("units", "quantity", "A size: so much of the base currency."),
  ...["if", "else", "elif", "and", "or", "not", "def", "return", "for", "in", "range"].map(
    (label): Word => ({ label, detail: "", info: "", kind: "keyword" }),
  ),
];

export interface Place {
  line?: number | null | undefined;
  column?: number | null | undefined;
  end_line?: number | null | undefined;
  end_column?: number | null | undefined;
}

/** Offsets in UTF-16, as the browser counts, of a place in lines and characters from 1. */
export function rangeOf(text: string, place: Place): { from: number; to: number } {
  const lines = text.split("\n");
  const offset = (line: number, column: number): number => {
    const row = Math.min(Math.max(line, 1), lines.length) - 1;
    let start = 0;
    for (let index = 0; index < row; index += 1) start += (lines[index]?.length ?? 0) + 1;
    const characters = [...(lines[row] ?? "")].slice(0, Math.max(column, 1) - 1);
    return start + characters.join("").length;
  };
  const line = place.line ?? 1;
  const column = place.column ?? 1;
  const from = offset(line, column);
  const end = place.end_column == null ? null : offset(place.end_line ?? line, place.end_column);
  if (end !== null && end > from) return { from, to: end };
  const word = /^[\w.]+|^./u.exec(text.slice(from))?.[0].length ?? 0;
  return { from, to: Math.min(text.length, from + word) };
}

export const FIRST_SCRIPT = `strategy("My strategy", timeframe="1m")

fast = sma(close, 10)
slow = sma(close, 30)

if crosses_above(fast, slow):
    buy(size=percent_of_cash(50))
if crosses_below(fast, slow):
    sell()
`;
