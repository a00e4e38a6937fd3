"""Classical unsupervised learning: what was there before deep networks, and beside them still is.

On NumPy arrays in float64, without autograd; shapes and names are scikit-learn's: `fit`,
`transform`, `predict`, `sample`, and a trailing underscore for what `fit` has found.
Read in this order: linear.py, pca.py, selection.py; kmeans.py, mixture.py, kde.py; shift.py.
"""
