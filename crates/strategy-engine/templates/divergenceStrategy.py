strategy("RSI divergence")

rsi_1 = rsi(close, 14)
divergence_1 = divergence(close, rsi_1, 40, "regular", 0.7)

if divergence_1.bullish and rsi_1 < 50:
    buy(size=percent_of_cash(50))

if divergence_1.bearish or rsi_1 > 70:
    sell()
