strategy("RSI")

rsi_1 = rsi(close, 14)

if rsi_1 < 30:
    buy(size=percent_of_cash(95))

if rsi_1 > 70:
    sell()
