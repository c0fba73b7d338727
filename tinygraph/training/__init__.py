"""Training of models: `compile`, `fit`, `evaluate`, `predict`."""
