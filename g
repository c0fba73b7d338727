"""f: written by tinygraph."""

import numpy as np

# Given from outside: w_0 float32[3], w_1 float32[3], w_2 float32[3], w_3 float32[3], steps float64[], learning_rate
#   float64[], mean_of_0 float32[3], square_of_0 float32[3], mean_of_1 float32[3], square_of_1 float32[3], mean_of_2
#   float32[3], square_of_2 float32[3], mean_of_3 float32[3], square_of_3 float32[3].

ones = np.ones(3, dtype=np.float32)
n_0_1 = np.array(0.09999999999999998, dtype=np.float32)
n_0_001 = np.array(0.0010000000000000009, dtype=np.float32)
n_1e_minus_07 = np.array(1e-07, dtype=np.float32)

# Memory: allocated once, and used again at every call.
x_times_w = np.empty(3, dtype=np.float32)
x_minus_mean_of = x_times_w
x_squared = x_times_w
scaled_mean_of = x_times_w
d_w_minus_mean_of = x_times_w
d_w_squared = x_times_w
scaled_mean_of_2 = x_times_w
d_w_minus_mean_of_2 = x_times_w
d_w_squared_2 = x_times_w
scaled_mean_of_3 = x_times_w
d_w_minus_mean_of_3 = x_times_w
d_w_squared_3 = x_times_w
scaled_mean_of_4 = x_times_w
d_w = np.empty(3, dtype=np.float32)
sqrt_square_of = d_w
sqrt_square_of_2 = d_w
sqrt_square_of_3 = d_w
sqrt_square_of_4 = d_w


def f(x):
    # forward · loss=np.sum(x*w[0]+w[1]*w[2]*w[3])                (cmp2.py:4)
    np.multiply(x, w_0, out=x_times_w)
    d_w_3 = np.empty(3, dtype=np.float32)
    np.multiply(w_1, w_2, out=d_w_3)
    np.multiply(d_w_3, w_3, out=d_w)
    np.add(x_times_w, d_w, out=x_times_w)
    loss = np.vdot(x_times_w, ones)

    # backward · loss=np.sum(x*w[0]+w[1]*w[2]*w[3])               (cmp2.py:4)
    d_w_1 = np.empty(3, dtype=np.float32)
    np.multiply(w_3, w_2, out=d_w_1)
    d_w_2 = np.empty(3, dtype=np.float32)
    np.multiply(w_3, w_1, out=d_w_2)

    # update · o.zero_grad(); loss.backward(); o.step(); return loss  (cmp2.py:5)
    steps_plus_one = steps[()] + 1
    power_of_steps_plus_one = np.power(0.999, steps_plus_one)
    subtract_result = 1 - power_of_steps_plus_one
    sqrt_subtract_result = np.sqrt(subtract_result)
    learning_rate_2 = learning_rate[()] * sqrt_subtract_result
    power_of_steps_plus_one_2 = np.power(0.9, steps_plus_one)
    subtract_result_2 = 1 - power_of_steps_plus_one_2
    learning_rate_3 = learning_rate_2 / subtract_result_2
    learning_rate_float32 = np.float32(learning_rate_3)
    np.subtract(x, mean_of_0, out=x_minus_mean_of)
    np.multiply(n_0_1, x_minus_mean_of, out=x_minus_mean_of)
    np.add(mean_of_0, x_minus_mean_of, out=mean_of_0)
    np.square(x, out=x_squared)
    np.subtract(x_squared, square_of_0, out=x_squared)
    np.multiply(n_0_001, x_squared, out=x_squared)
    np.add(square_of_0, x_squared, out=square_of_0)
    np.multiply(learning_rate_float32, mean_of_0, out=scaled_mean_of)
    np.sqrt(square_of_0, out=sqrt_square_of)
    np.add(sqrt_square_of, n_1e_minus_07, out=sqrt_square_of)
    np.divide(scaled_mean_of, sqrt_square_of, out=scaled_mean_of)
    np.subtract(w_0, scaled_mean_of, out=w_0)
    np.subtract(d_w_1, mean_of_1, out=d_w_minus_mean_of)
    np.multiply(n_0_1, d_w_minus_mean_of, out=d_w_minus_mean_of)
    np.add(mean_of_1, d_w_minus_mean_of, out=mean_of_1)
    np.square(d_w_1, out=d_w_squared)
    np.subtract(d_w_squared, square_of_1, out=d_w_squared)
    np.multiply(n_0_001, d_w_squared, out=d_w_squared)
    np.add(square_of_1, d_w_squared, out=square_of_1)
    np.multiply(learning_rate_float32, mean_of_1, out=scaled_mean_of_2)
    np.sqrt(square_of_1, out=sqrt_square_of_2)
    np.add(sqrt_square_of_2, n_1e_minus_07, out=sqrt_square_of_2)
    np.divide(scaled_mean_of_2, sqrt_square_of_2, out=scaled_mean_of_2)
    np.subtract(w_1, scaled_mean_of_2, out=w_1)
    np.subtract(d_w_2, mean_of_2, out=d_w_minus_mean_of_2)
    np.multiply(n_0_1, d_w_minus_mean_of_2, out=d_w_minus_mean_of_2)
    np.add(mean_of_2, d_w_minus_mean_of_2, out=mean_of_2)
    np.square(d_w_2, out=d_w_squared_2)
    np.subtract(d_w_squared_2, square_of_2, out=d_w_squared_2)
    np.multiply(n_0_001, d_w_squared_2, out=d_w_squared_2)
    np.add(square_of_2, d_w_squared_2, out=square_of_2)
    np.multiply(learning_rate_float32, mean_of_2, out=scaled_mean_of_3)
    np.sqrt(square_of_2, out=sqrt_square_of_3)
    np.add(sqrt_square_of_3, n_1e_minus_07, out=sqrt_square_of_3)
    np.divide(scaled_mean_of_3, sqrt_square_of_3, out=scaled_mean_of_3)
    np.subtract(w_2, scaled_mean_of_3, out=w_2)
    np.subtract(d_w_3, mean_of_3, out=d_w_minus_mean_of_3)
    np.multiply(n_0_1, d_w_minus_mean_of_3, out=d_w_minus_mean_of_3)
    np.add(mean_of_3, d_w_minus_mean_of_3, out=mean_of_3)
    np.square(d_w_3, out=d_w_squared_3)
    np.subtract(d_w_squared_3, square_of_3, out=d_w_squared_3)
    np.multiply(n_0_001, d_w_squared_3, out=d_w_squared_3)
    np.add(square_of_3, d_w_squared_3, out=square_of_3)
    np.multiply(learning_rate_float32, mean_of_3, out=scaled_mean_of_4)
    np.sqrt(square_of_3, out=sqrt_square_of_4)
    np.add(sqrt_square_of_4, n_1e_minus_07, out=sqrt_square_of_4)
    np.divide(scaled_mean_of_4, sqrt_square_of_4, out=scaled_mean_of_4)
    np.subtract(w_3, scaled_mean_of_4, out=w_3)
    x_now = x.copy()
    steps[...] = steps_plus_one

    return (loss, [x_now, d_w_1, d_w_2, d_w_3])
