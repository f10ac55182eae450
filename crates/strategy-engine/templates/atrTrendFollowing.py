strategy("ATR trend following")

falls_back = crosses_below(close, highest(close, 22) - atr(14) * 3)

if crosses_above(close, lag(donchian(20).upper, 1)):
    buy(size=percent_of_cash(95))

if falls_back:
    sell()
