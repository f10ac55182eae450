strategy("Golden cross")

fast = ema(close, 50)
slow = ema(close, 200)
entry = crosses_above(fast, slow) and rsi(close, 14) < 70

if entry:
    buy(size=percent_of_cash(95))

if crosses_below(fast, slow):
    sell()
