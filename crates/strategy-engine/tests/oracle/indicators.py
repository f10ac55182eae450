"""A second opinion on every indicator: TA-Lib's own, and textbook definitions of what it lacks.

Reads one JSON object from standard input and writes one to standard output:

    {"bars": [[open, high, low, close, volume], ...] as text, or {"zip": PATH, "take": N},
     "cases": [{"node": "rsiNode", "out": "rsi-out", "data": {"period": 14}}, ...]}
 -> {"bars": [...], "values": [[null, 1.5, ...], ...]}

null is no value. The definitions below are written from the descriptions in
docs/strategy-graph.md and look at the whole history at once, so that they share nothing with the
Rust code, which looks at each bar once.
"""

import json
import math
import re
import sys
import zipfile

import numpy as np
import talib

ROW = re.compile(r"\((\d+), ([\d.]+), ([\d.]+), ([\d.]+), ([\d.]+), ([\d.]+), '")


def recorded(path, take):
    """The first candles of a recording, as text: open, high, low, close, volume."""
    archive = zipfile.ZipFile(path)
    text = archive.read(archive.namelist()[0]).decode()
    bars = []
    for _, low, high, opened, close, volume in ROW.findall(text):
        bars.append([opened, high, low, close, volume])
        if len(bars) == take:
            break
    return bars


def nothing(bars):
    return np.full(len(bars.close), np.nan)


def windows(values, period):
    """Each window of so many values, for the places that have one."""
    for end in range(period, len(values) + 1):
        yield end - 1, values[end - period : end]


def over_windows(values, period, function):
    result = np.full(len(values), np.nan)
    for place, window in windows(values, period):
        if not np.isnan(window).any():
            result[place] = function(window)
    return result


def lag(values, period):
    return np.concatenate([np.full(period, np.nan), values[:-period]])


def sma(values, period):
    return over_windows(values, period, lambda window: math.fsum(window) / period)


def deviation(window):
    mean = math.fsum(window) / len(window)
    return math.sqrt(math.fsum((x - mean) ** 2 for x in window) / len(window))


def wma(values, period):
    weights = range(1, period + 1)
    total = period * (period + 1) / 2
    return over_windows(
        values, period, lambda window: math.fsum(w * x for w, x in zip(weights, window)) / total
    )


def hull(values, period):
    raw = 2 * wma(values, period // 2) - wma(values, period)
    return wma(raw, math.isqrt(period))


def middle(bars, period):
    highest = over_windows(bars.high, period, max)
    lowest = over_windows(bars.low, period, min)
    return (highest + lowest) / 2


def vwap(bars, period):
    typical = (bars.high + bars.low + bars.close) / 3
    result = nothing(bars)
    for place, volumes in windows(bars.volume, period):
        prices = typical[place + 1 - period : place + 1]
        total = math.fsum(volumes)
        if total > 0:
            result[place] = math.fsum(prices * volumes) / total
    return result


def supertrend(bars, period, multiplier):
    atr = talib.ATR(bars.high, bars.low, bars.close, period)
    line, direction = nothing(bars), nothing(bars)
    upper = lower = None
    rising = False
    for i in range(len(bars.close)):
        if math.isnan(atr[i]):
            continue
        centre = (bars.high[i] + bars.low[i]) / 2
        basic_upper = centre + multiplier * atr[i]
        basic_lower = centre - multiplier * atr[i]
        if upper is None or basic_upper < upper or bars.close[i - 1] > upper:
            upper = basic_upper
        if lower is None or basic_lower > lower or bars.close[i - 1] < lower:
            lower = basic_lower
        if rising:
            rising = not bars.close[i] < lower
        else:
            rising = bars.close[i] > upper
        line[i] = lower if rising else upper
        direction[i] = 1.0 if rising else 0.0
    return line, direction


def swings(values, wing, sign):
    """(where it is known, where it is) of each swing high, or low for sign -1."""
    v = sign * values
    found = []
    for centre in range(wing, len(v) - wing):
        around = v[centre - wing : centre + wing + 1]
        if not np.isnan(around).any() and v[centre] >= around.max() and v[centre - 1] < v[centre]:
            found.append((centre + wing, centre))
    return found


def divergence(price, indicator, data, sign):
    lookback = int(data.get("lookbackPeriod", 20))
    wing = max(1, int(lookback * (1 - float(data.get("sensitivity", 0.5))) / 4))
    kind = data.get("divergenceType", "regular")
    known = ~np.isnan(indicator)
    start = int(np.argmax(known))
    price, indicator = price[start:], indicator[start:]
    result = np.zeros(len(price))
    result[: 2 * wing] = np.nan
    found = swings(price, wing, sign)
    for (_, before), (told, here) in zip(found, found[1:]):
        if here - before > lookback:
            continue
        p = sign * (price[here] - price[before])
        x = sign * (indicator[here] - indicator[before])
        regular = kind in ("regular", "both") and p > 0 and x < 0
        hidden = kind in ("hidden", "both") and p < 0 and x > 0
        if regular or hidden:
            result[told] = 1.0
    return np.concatenate([np.full(start, np.nan), result])


def pattern(price, data):
    kind = data.get("patternType", "double_top")
    lookback = int(data.get("lookbackBars", 50))
    wing = max(1, lookback // 10)
    tolerance = (1 - float(data.get("confidence", 0.8))) / 10
    sign = -1 if kind in ("double_bottom", "inverse_head_shoulders") else 1
    v = sign * price
    tops = {told: here for told, here in swings(v, wing, 1)}
    bottoms = {told: here for told, here in swings(v, wing, -1)}
    result = np.zeros(len(v))
    result[: 2 * wing] = np.nan
    points = []  # (place, is a top)
    told_of = None

    def level(a, b):
        return abs(v[a] - v[b]) <= tolerance * max(abs(v[a]), abs(v[b]))

    for now in range(2 * wing, len(v)):
        for places, top in ((tops, True), (bottoms, False)):
            if now in places:
                here = places[now]
                if points and points[-1][1] == top:
                    last = points[-1][0]
                    if (v[here] >= v[last]) if top else (v[here] <= v[last]):
                        points[-1] = (here, top)
                else:
                    points.append((here, top))
        if not points or not points[-1][1]:
            continue
        if kind.startswith("double"):
            if len(points) < 3:
                continue
            first, low, last = (place for place, _ in points[-3:])
            holds = (
                level(first, last) and v[low] < min(v[first], v[last]) and v[now] < v[low]
            )
        else:
            if len(points) < 5:
                continue
            first, low, head, low2, last = (place for place, _ in points[-5:])
            neck = v[low2] + (v[low2] - v[low]) / (low2 - low) * (now - low2)
            holds = level(first, last) and v[head] > max(v[first], v[last]) and v[now] < neck
        if holds and told_of != last and now - first <= lookback:
            told_of = last
            result[now] = 1.0
    return result


class Bars:
    def __init__(self, rows):
        table = np.array([[float(x) for x in row] for row in rows]).T
        self.open, self.high, self.low, self.close, self.volume = np.ascontiguousarray(table)


def value(bars, node, out, data):
    """The node's output at each bar."""
    close, hlc = bars.close, (bars.high, bars.low, bars.close)

    def n(name, default):
        return int(data.get(name, default))

    def x(name, default):
        return float(data.get(name, default))

    if node == "smaNode":
        return sma(close, n("period", 20))
    if node == "emaNode":
        # TA-Lib has none for a period of 1, which is the value itself.
        return talib.EMA(close, n("period", 12)) if n("period", 12) > 1 else close
    if node == "wmaNode":
        return talib.WMA(close, n("period", 20))
    if node == "demaNode":
        return talib.DEMA(close, n("period", 20))
    if node == "hullNode":
        return hull(close, n("period", 16))
    if node == "rsiNode":
        return talib.RSI(close, n("period", 14))
    if node == "macdNode":
        lines = talib.MACD(close, n("fastPeriod", 12), n("slowPeriod", 26), n("signalPeriod", 9))
        return lines[["macd-out", "signal-out", "histogram-out"].index(out)]
    if node == "bollingerBandsNode":
        period, width = n("period", 20), x("deviation", 2)
        if data.get("against") == "talib":
            bands = talib.BBANDS(close, period, width, width)
        else:
            middle_band = sma(close, period)
            distance = width * over_windows(close, period, deviation)
            bands = (middle_band + distance, middle_band, middle_band - distance)
        return bands[["upper-out", "middle-out", "lower-out"].index(out)]
    if node == "keltnerNode":
        ema = talib.EMA(close, n("period", 20))
        width = x("multiplier", 2) * talib.ATR(*hlc, n("atrPeriod", 10))
        result = {"upper-out": ema + width, "middle-out": ema, "lower-out": ema - width}[out]
        return result
    if node == "donchianNode":
        upper = over_windows(bars.high, n("period", 20), max)
        lower = over_windows(bars.low, n("period", 20), min)
        return {"upper-out": upper, "middle-out": (upper + lower) / 2, "lower-out": lower}[out]
    if node == "ichimokuNode":
        tenkan = middle(bars, n("tenkanPeriod", 9))
        kijun = middle(bars, n("kijunPeriod", 26))
        ahead = n("displacement", 26)
        return {
            "tenkan-out": tenkan,
            "kijun-out": kijun,
            "span-a-out": lag((tenkan + kijun) / 2, ahead),
            "span-b-out": lag(middle(bars, n("spanPeriod", 52)), ahead),
        }[out]
    if node == "stochasticNode":
        k, d = talib.STOCH(
            *hlc,
            fastk_period=n("kPeriod", 14),
            slowk_period=n("smooth", 3),
            slowk_matype=0,
            slowd_period=n("dPeriod", 3),
            slowd_matype=0,
        )
        return k if out == "k-out" else d
    if node == "williamsRNode":
        return talib.WILLR(*hlc, n("period", 14))
    if node == "cciNode":
        return talib.CCI(*hlc, n("period", 20))
    if node == "atrNode":
        return talib.ATR(*hlc, n("period", 14))
    if node == "adxNode":
        function = {
            "adx-out": talib.ADX,
            "di-plus-out": talib.PLUS_DI,
            "di-minus-out": talib.MINUS_DI,
        }[out]
        return function(*hlc, n("period", 14))
    if node == "sarNode":
        return talib.SAR(bars.high, bars.low, x("acceleration", 0.02), x("maximum", 0.2))
    if node == "supertrendNode":
        line, rising = supertrend(bars, n("period", 10), x("multiplier", 3))
        return {"supertrend-out": line, "rising-out": rising, "falling-out": 1 - rising}[out]
    if node == "obvNode":
        return talib.OBV(close, bars.volume)
    if node == "rocNode":
        return talib.ROC(close, n("period", 10))
    if node == "momentumNode":
        return talib.MOM(close, n("period", 10))
    if node == "stddevNode" and data.get("against") == "talib":
        return talib.STDDEV(close, n("period", 20), 1)
    if node == "stddevNode":
        return over_windows(close, n("period", 20), deviation)
    if node == "zscoreNode":
        period = n("period", 20)
        width = over_windows(close, period, deviation)
        mean = sma(close, period)
        return np.array([(c - m) / w if w > 0 else np.nan for c, m, w in zip(close, mean, width)])
    if node == "highestNode":
        return talib.MAX(close, n("period", 20)) if n("period", 20) > 1 else close
    if node == "lowestNode":
        return talib.MIN(close, n("period", 20)) if n("period", 20) > 1 else close
    if node == "lagNode":
        return lag(close, n("period", 1))
    if node == "volumeNode":
        kind, period = data.get("volumeType", "raw"), n("period", 20)
        if kind == "raw":
            return bars.volume
        if kind == "weighted":
            return vwap(bars, period)
        mean = sma(bars.volume, period)
        ratio = [v / m if m > 0 else np.nan for v, m in zip(bars.volume, mean)]
        return mean if kind == "sma" else np.array(ratio)
    if node == "vwapNode":
        if data["anchor"] == "rolling":
            return vwap(bars, n("period", 20))
        # The bars are those of consecutive minutes from a midnight before a Monday.
        minutes = 24 * 60 * (7 if data["anchor"] == "week" else 1)
        result = nothing(bars)
        typical = (bars.high + bars.low + bars.close) / 3
        for i in range(len(close)):
            begin = i - i % minutes
            total = math.fsum(bars.volume[begin : i + 1])
            if total > 0:
                turnover = typical[begin : i + 1] * bars.volume[begin : i + 1]
                result[i] = math.fsum(turnover) / total
        return result
    if node == "divergenceNode":
        rsi = talib.RSI(close, 14)
        bullish = divergence(close, rsi, data, -1)
        bearish = divergence(close, rsi, data, 1)
        return {
            "bullish-div-out": bullish,
            "bearish-div-out": bearish,
            "divergence-out": np.maximum(bullish, bearish),
        }[out]
    if node == "patternNode":
        return pattern(close, data)
    raise SystemExit(f"no second opinion on {node}")


def main():
    request = json.load(sys.stdin)
    rows = request["bars"]
    if isinstance(rows, dict):
        rows = recorded(rows["zip"], rows["take"])
    bars = Bars(rows)
    values = []
    for case in request["cases"]:
        column = value(bars, case["node"], case["out"], case["data"])
        values.append([None if math.isnan(v) else float(v) for v in column])
    json.dump({"bars": rows, "values": values}, sys.stdout)


main()
