strategy("Dip with a target")

held = position()
rsi_1 = rsi(close, 14)
leave = held.unrealized_percent > 1 or held.bars >= 500 or crosses_above(rsi_1, 70)

if crosses_below(rsi_1, 30) and held.units == 0:
    buy(size=percent_of_cash(50))

if leave:
    sell()
