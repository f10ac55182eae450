strategy("Z-score reversion")

zscore_1 = zscore(close, 50)

if cooldown(crosses_below(zscore_1, -2), minutes=5):
    buy(size=percent_of_cash(50))

if crosses_above(zscore_1, 0):
    sell()
