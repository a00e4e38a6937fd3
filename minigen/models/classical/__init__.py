"""Classical unsupervised learning: what was there before deep networks, and beside them still is.

On NumPy arrays in float64, without autograd; shapes and names are scikit-learn's: `fit`,
`transform`, `predict`, `sample`, and a trailing underscore for what `fit` has found.
Read in this order: supervised.py (what labels would give), pca.py, selection.py, lasso.py;
kmeans.py, mixture.py, kde.py; high_dimension.py, shift.py, power_law.py, markov_chain.py; and
maps of distances and neighbourhoods: mds.py, isomap.py, lle.py, tsne.py.
"""
