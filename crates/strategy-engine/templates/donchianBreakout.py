strategy("Donchian breakout")

if crosses_above(close, lag(donchian(20).upper, 1)):
    buy(size=percent_of_cash(95))

if crosses_below(close, lag(donchian(10).lower, 1)):
    sell()
