"""Numbers that the paper prints, and the settings of its experiments, as data.

Kligvasser, Rott Shaham, Bahat & Michaeli, "Deep Self-Dissimilarities as Powerful Visual Fingerprints", NeurIPS 2021.
"""

from typing import Any

# Settings, by experiment. Where the text is silent, the authors' public experiment code.

FIG2: dict[str, Any] = {
    "layers": ["relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu4_1"],
    "patch_sizes": [5, 7, 9, 11],
    "alpha": 4.0,
}
FIG3: dict[str, Any] = {"layers": ["relu3_1"], "alpha": 2.0, "resize": 256, "crop": 224}  # ImageNet's validation set
FIG4: dict[str, Any] = {  # with Adam
    "layers": ["relu2_1", "relu2_2", "relu3_1"],
    "alpha": 2,
    "alphas": [1, 2, 4],  # scales of the pyramids
    "content": "bsds500/val/108082.jpg",  # as data/README.md lays BSDS500 out
    "reference": "bsds500/val/123074.jpg",
    "learning_rate": 5e-4,
    "steps": 3000,
    "halve_every": 1000,
    "residual_std": 1e-3,
}
FIG6: dict[str, Any] = {"layers": ["relu3_1"], "alpha": 4.0, "steps": [500, 5000]}
FIG7: dict[str, Any] = {
    "layers": ["relu2_1", "relu2_2", "relu3_1"],
    "alpha": 2.0,
    "count": 200,  # PieAPP's references
    "bins": 50,
    "limits": [1e-3, 40e-3],
}
FULL_REFERENCE: dict[str, Any] = {  # Table 1
    "layers": ["relu2_1", "relu3_1", "relu4_1", "relu5_1"],
    "alphas": [2, 4],
    "lpips": ["alexnet", "squeezenet"],
    "references": 40,  # of PieAPP's test set
    "pairs": 4800,  # of PieAPP's test set
    "bandwidths": {"Style": 500, "MSS": 1000},  # k of the logistic function, by measure
}
LPIPS: dict[str, Any] = {  # training of LPIPS (CVPR 2018): 10 epochs of 151,400 triplets
    "steps": 30_280,
    "batch": 50,
    "rate": 1e-4,
    "dropout": 0.5,
}
NO_REFERENCE: dict[str, Any] = {  # Table 2; training of ψ
    "layers": ["relu1_2", "relu2_1", "relu2_2", "relu3_1"],
    "alphas": [2, 4],
    "side": 80,  # of a downscaled crop
    "batch": 16,
    "rate": 2e-4,  # of Adam
    "halved": [0.4, 0.8],  # parts of the steps after which the rate is halved: 800 and 1600 of 2000 epochs
    "steps": 50_000,  # 2000 epochs of 25
}

# Printed results.

# ‖DSD_2‖₁ at ReLU3_1 over the ImageNet validation images of a class: mean and standard deviation.
CLASS_STATISTICS = {
    "n09421951": {"mean": 2.1e-3, "std": 0.83e-3},  # sandbar
    "n04589890": {"mean": 13.5e-3, "std": 11.0e-3},  # window screen
}

# Fig. 6: ‖DSD_4‖₁ by optimisation step.
FIG6_VALUES = {0: 6.3e-3, 500: 2.2e-3, 5000: 1.2e-3}

# Table 1: Pearson correlation with human preference on PieAPP's test set, by measure and layer.
TABLE1 = {
    "Perceptual": {"relu2_1": 0.448, "relu3_1": 0.449, "relu4_1": 0.461, "relu5_1": 0.630},
    "PDL": {"relu2_1": 0.622, "relu3_1": 0.636, "relu4_1": 0.620, "relu5_1": 0.661},
    "Style": {"relu2_1": 0.645, "relu3_1": 0.714, "relu4_1": 0.711, "relu5_1": 0.706},
    "MSS": {"relu2_1": 0.645, "relu3_1": 0.698, "relu4_1": 0.709, "relu5_1": 0.714},
    "DSD_2": {"relu2_1": 0.463, "relu3_1": 0.608, "relu4_1": 0.769, "relu5_1": 0.761},
    "DSD_4": {"relu2_1": 0.570, "relu3_1": 0.667, "relu4_1": 0.607, "relu5_1": 0.600},
    "LPIPS": {"alexnet": 0.641},  # which network is not said; this is LPIPS's default
}

# Table 2: the same without a reference. NIQE and BRISQUE are of MATLAB's own models.
TABLE2 = {"NIQE": 0.223, "Ma": 0.284, "BRISQUE": 0.363, "DSD_2": 0.330, "DSD_4": 0.444}

# Table 3: ×4 super-resolution with each distribution loss: PSNR, LPIPS, NIQE, by layer.
TABLE3 = {
    "CX": {"relu2_1": (25.35, 0.251, 7.87), "relu2_2": (25.77, 0.253, 6.02), "relu3_1": (25.69, 0.246, 5.98)},
    "PDL": {"relu2_1": (25.21, 0.208, 5.80), "relu2_2": (25.22, 0.212, 4.33), "relu3_1": (25.25, 0.211, 4.50)},
    "Style": {"relu2_1": (24.93, 0.197, 3.64), "relu2_2": (24.84, 0.188, 3.73), "relu3_1": (24.66, 0.190, 4.20)},
    "MSS": {"relu2_1": (24.77, 0.197, 3.86), "relu2_2": (24.72, 0.190, 4.01), "relu3_1": (24.87, 0.196, 3.87)},
    "DSD": {"relu2_1": (24.88, 0.194, 3.49), "relu2_2": (25.11, 0.187, 3.78), "relu3_1": (24.99, 0.190, 4.06)},
}
