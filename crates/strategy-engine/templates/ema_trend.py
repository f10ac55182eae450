strategy("EMA trend with RSI filter")

ema_fast = ema(close, 12)
ema_slow = ema(close, 26)
entry = crosses_above(ema_fast, ema_slow) and rsi(close, 14) < 70

if entry:
    buy(size=percent_of_cash(95))

if crosses_below(ema_fast, ema_slow):
    sell()
