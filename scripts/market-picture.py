#!/usr/bin/env python3
"""Draws what the random market makes, from a plain recording, as SVG.

    algotrade generate market.ndjson --market realistic --start 2026-01-05T00:00:00Z \\
        --trades-per-second 0.2 --trades 250000
    scripts/market-picture.py market.ndjson docs/images/market.svg
"""

import json
import sys
from collections import defaultdict
from datetime import datetime

WIDTH, LEFT, RIGHT = 960, 60, 900
COLOURS = ["#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed", "#64748b"]
BUCKET = 600  # seconds


def read(path):
    """Last price and number of trades of each product in each ten minutes."""
    prices, counts = defaultdict(dict), defaultdict(lambda: defaultdict(int))
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if not line.startswith('{"type":"match"'):
                continue
            trade = json.loads(line)
            bucket = int(datetime.fromisoformat(trade["time"]).timestamp()) // BUCKET
            prices[trade["product_id"]][bucket] = float(trade["price"])
            counts[trade["product_id"]][bucket] += 1
    return prices, counts


def path(points):
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points)


def text(x, y, content, anchor="start", colour="#475569"):
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{content}</text>'


def panel(top, height, series, first, last, title, unit):
    """One diagram: a line for each product, zero or one hundred at its own place."""
    values = [value for points in series.values() for value in points.values()]
    low, high = min(values), max(values)
    span = (high - low) or 1

    def x(bucket):
        return LEFT + (bucket - first) / max(last - first, 1) * (RIGHT - LEFT)

    def y(value):
        return top + height - (value - low) / span * height

    parts = [text(LEFT, top - 12, title, colour="#0f172a")]
    for part in range(5):
        value = low + span * part / 4
        parts.append(f'<path d="M{LEFT},{y(value):.1f}H{RIGHT}" stroke="#e2e8f0"/>')
        parts.append(text(LEFT - 6, round(y(value) + 4, 1), f"{value:.0f}{unit}", "end"))
    for bucket in range(first, last + 1):
        if bucket * BUCKET % 43200 == 0:
            hour = "0:00" if bucket * BUCKET % 86400 == 0 else "12:00"
            parts.append(f'<path d="M{x(bucket):.1f},{top}v{height}" stroke="#e2e8f0"/>')
            parts.append(text(round(x(bucket), 1), top + height + 16, hour, "middle"))
    for (name, points), colour in zip(series.items(), COLOURS):
        line = [(x(bucket), y(value)) for bucket, value in sorted(points.items())]
        parts.append(f'<path d="{path(line)}" stroke="{colour}" stroke-width="1.2"/>')
    return parts


def main():
    source, target = sys.argv[1:]
    prices, counts = read(source)
    names = sorted(prices, key=lambda name: -sum(counts[name].values()))
    buckets = [bucket for name in names for bucket in prices[name]]
    first, last = min(buckets), max(buckets)
    relative, rates = {}, {}
    for name in names:
        start = prices[name][min(prices[name])]
        relative[name] = {at: 100 * price / start for at, price in prices[name].items()}
        rates[name] = {at: counts[name].get(at, 0) for at in range(first, last)}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} 640" fill="none" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="640" fill="#ffffff"/>',
    ]
    for at, (name, colour) in enumerate(zip(names, COLOURS)):
        parts.append(text(LEFT + at * 110, 24, name, colour=colour))
    parts += panel(64, 250, relative, first, last, "price, start = 100", "")
    parts += panel(368, 230, rates, first, last, "trades in ten minutes", "")
    parts.append("</svg>")
    with open(target, "w", encoding="utf-8") as out:
        out.write("\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
