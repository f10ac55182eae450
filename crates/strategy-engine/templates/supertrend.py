strategy("Supertrend")

supertrend_1 = supertrend(10, 3)

if supertrend_1.rising and adx(14).adx > 20:
    buy(size=percent_of_cash(95))

if supertrend_1.falling:
    sell()
