"""A session's figures as empyrical computes them, for crates/paper-exchange/tests/empyrical.rs.

Standard input: a JSON array of sessions, each with `minutes` (equity when each minute is over, the
initial balance first), `points` (the initial balance, and the equity points) and `prices` (of all
trades). Standard output: an array of their figures.
"""

import json
import sys

import empyrical
import numpy

# Crypto markets never close: minutes of a year of 365 days.
YEAR = 525_600


def returns(values):
    values = numpy.array(values, dtype=float)
    return values[1:] / values[:-1] - 1


def figures(session):
    minutes = returns(session["minutes"])
    points = returns(session["points"])
    fall = empyrical.max_drawdown(points)
    return {
        "sharpe": empyrical.sharpe_ratio(minutes, annualization=YEAR),
        "sortino": empyrical.sortino_ratio(minutes, annualization=YEAR),
        "calmar": empyrical.annual_return(minutes, annualization=YEAR) / abs(fall),
        "max_drawdown_pct": -100 * fall,
        "return_pct": 100 * empyrical.cum_returns_final(points),
        "buy_and_hold_pct": 100 * empyrical.cum_returns_final(returns(session["prices"])),
    }


json.dump([figures(session) for session in json.load(sys.stdin)], sys.stdout)
