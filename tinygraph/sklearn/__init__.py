"""Estimators of scikit-learn's kind, whose networks are tinygraph's: for pipelines, grid search and pickle.

    from tinygraph.sklearn import MLPClassifier

    classifier = make_pipeline(StandardScaler(), MLPClassifier(dropout=0.2)).fit(x, y)

Parameters and attributes have scikit-learn's names where they mean the same. The network of a fitted estimator is its
`model_`, a `tg.nn.Sequential`. The files:

    linear      LinearRegression, LogisticRegression
    networks    MLPClassifier, MLPRegressor
    network     the layers that these two share, and their training
    checking    parameters, labels and weights as scikit-learn checks them
    outputs     the last layers of a classifier, its logits and its probabilities
    descent     L-BFGS on the parameters of a network
    watching    the losses and scores of the epochs, and the end of a training that no longer improves
"""

try:
    import sklearn  # noqa: F401
except ImportError as error:
    raise ImportError("tinygraph.sklearn needs scikit-learn 1.6 or newer: pip install 'tinygraph[sklearn]'") from error

from tinygraph.sklearn.linear import LinearRegression, LogisticRegression
from tinygraph.sklearn.networks import MLPClassifier, MLPRegressor

__all__ = ["LinearRegression", "LogisticRegression", "MLPClassifier", "MLPRegressor"]
