strategy("SMA crossover")

sma_fast = sma(close, 10)
sma_slow = sma(close, 30)

if crosses_above(sma_fast, sma_slow):
    buy(size=percent_of_cash(95))

if crosses_below(sma_fast, sma_slow):
    sell()
