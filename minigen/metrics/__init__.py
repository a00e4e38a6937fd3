"""How good is it? Numbers that compare models, on data they were not trained on.

Read next: reconstruction.py, then clustering.py, detection.py, dimension.py, overlap.py, probes.py,
retrieval.py.
"""

from minigen.metrics.clustering import (
    adjusted_rand_score,
    clustering_accuracy,
    contingency_matrix,
    normalized_mutual_info_score,
    purity_score,
    silhouette_samples,
    silhouette_score,
)
from minigen.metrics.detection import (
    average_precision_score,
    fpr_at_tpr,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)
from minigen.metrics.dimension import intrinsic_dimension
from minigen.metrics.overlap import box_average_precision, box_iou, mean_iou
from minigen.metrics.probes import KNNProbe, LinearProbe
from minigen.metrics.reconstruction import (
    log_spectral_distance,
    pca_mse,
    psnr,
    segmental_snr,
    snr,
)
from minigen.metrics.retrieval import precision_at_k, triplet_accuracy

__all__ = [
    "KNNProbe",
    "LinearProbe",
    "adjusted_rand_score",
    "average_precision_score",
    "box_average_precision",
    "box_iou",
    "clustering_accuracy",
    "contingency_matrix",
    "fpr_at_tpr",
    "intrinsic_dimension",
    "log_spectral_distance",
    "mean_iou",
    "normalized_mutual_info_score",
    "pca_mse",
    "precision_at_k",
    "precision_recall_curve",
    "psnr",
    "purity_score",
    "roc_auc_score",
    "roc_curve",
    "segmental_snr",
    "silhouette_samples",
    "silhouette_score",
    "snr",
    "triplet_accuracy",
]
