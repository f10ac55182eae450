strategy("Stochastic oscillator")

stochastic_1 = stochastic(14, 3, 3)
exit = crosses_below(stochastic_1.k, stochastic_1.d) and stochastic_1.k > 80
entry = crosses_above(stochastic_1.k, stochastic_1.d) and stochastic_1.k < 20

if entry:
    buy(size=percent_of_cash(95))

if exit:
    sell()
