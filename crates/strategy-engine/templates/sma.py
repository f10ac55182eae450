strategy("SMA")

sma_1 = sma(close, 20)

if crosses_above(close, sma_1):
    buy(size=percent_of_cash(95))

if crosses_below(close, sma_1):
    sell()
