"""The derivative table, one file a family of NumPy functions. `engine.table` explains an entry.

    arithmetic               sums, products, powers, roots, and the functions with a kink
    exponential              exponentials and logarithms
    trigonometric            trigonometric and hyperbolic functions
    reductions               sums, means, products, extremes, and cumulative ones
    missing                  reductions that leave out NaNs
    statistics               covariance and correlation
    counting                 histograms
    sorting                  sorting, medians and quantiles
    shapes                   reshaping, transposing, repeating, joining, splitting
    rearranging              functions that take elements by their numbers
    padding                  `np.pad`
    indexing                 indices, masks, `take` and its family
    writing                  `x[place] = value`
    products                 matmul, dot, inner, outer, tensordot, einsum
    linalg                   inverses, solutions, determinants, norms
    decompositions           Cholesky, QR, eigenvalues, singular values
    fft                      Fourier transforms
    polynomials              polynomials and their roots
    calculus                 differences, slopes, integrals, interpolation, convolution
    functional               functions that call a function for each part
    ufunc_methods            `np.add.reduce` and its kin
    sparse                   products with SciPy's sparse matrices

Of `scipy.special`:

    special                  the table's entries, but for the following
    special_families         orthogonal polynomials, functions of several results
    special_elliptic         elliptic integrals and functions
    special_waves            Bessel, Airy, Kelvin, Mathieu, spheroidal and parabolic functions
    special_zeta             zeta and polygamma functions
    special_distributions    distribution functions and their inverses
    special_moments          densities and moments, the integrals in their slopes
    special_statistics       distributions of Tukey, Kolmogorov, Smirnov and Voigt

Beside the table:

    subscripts               letters for the axes of a product of two arrays
    refusals                 functions that write into files, which refuse Tensors
    coverage                 the list of NumPy's functions in `docs/numpy.md`
"""
