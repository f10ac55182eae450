strategy("Bollinger bands")

bands = bollinger(close, 20, 2)

if close < bands.lower:
    buy(size=percent_of_cash(95))

if close > bands.upper:
    sell()
