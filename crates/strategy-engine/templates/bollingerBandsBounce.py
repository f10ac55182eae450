strategy("Bollinger bounce")

bands = bollinger(close, 20, 2)

if crosses_above(close, bands.lower):
    buy(size=percent_of_cash(95))

if crosses_above(close, bands.middle):
    sell()
