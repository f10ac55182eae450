strategy("MACD momentum")

macd_1 = macd(close, 12, 26, 9)
entry = crosses_above(macd_1.histogram, 0) and close > ema(close, 50)

if entry:
    buy(size=percent_of_cash(95))

if crosses_below(macd_1.histogram, 0):
    sell()
