strategy("EMA")

ema_1 = ema(close, 20)

if crosses_above(close, ema_1):
    buy(size=percent_of_cash(95))

if crosses_below(close, ema_1):
    sell()
