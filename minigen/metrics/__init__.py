"""How good is it? Numbers that compare models, on data they were not trained on.

Read next: reconstruction.py.
"""

from minigen.metrics.reconstruction import pca_mse, psnr

__all__ = ["pca_mse", "psnr"]
