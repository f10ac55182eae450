strategy("RSI mean reversion")

if below(rsi(close, 14), 30, 5):
    buy(size=percent_of_cash(50))

if above(rsi(close, 14), 70, 5):
    sell()
