strategy("MACD")

macd_1 = macd(close, 12, 26, 9)

if crosses_above(macd_1.line, macd_1.signal):
    buy(size=percent_of_cash(95))

if crosses_below(macd_1.line, macd_1.signal):
    sell()
