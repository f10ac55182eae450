strategy("Ichimoku cloud")

ichimoku_1 = ichimoku(9, 26, 52, 26)
over_cloud = close > max(ichimoku_1.span_a, ichimoku_1.span_b)
turns_up = crosses_above(ichimoku_1.tenkan, ichimoku_1.kijun)

if turns_up and over_cloud:
    buy(size=percent_of_cash(95))

if crosses_below(close, ichimoku_1.kijun):
    sell()
