"""Train a small network to denoise, with the DSD loss beside the L1 loss. No data needed: scikit-image's photographs.

python examples/train_with_the_loss.py --steps 60 --weight 30
"""

import argparse

import torch
from torch import nn

import dsd
from dsd.data.images import embedded_photographs

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--steps", type=int, default=60)
parser.add_argument("--weight", type=float, default=30, help="of the DSD loss; the L1 loss has 1")
parser.add_argument("--backbone", default="lite", help="lite comes with the package")
parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
options = parser.parse_args()
torch.manual_seed(0)

photographs = [dsd.load_image(path) for path in embedded_photographs()]


def batch(images: list[torch.Tensor], size: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """Random crops with noise, and the clean ones."""
    crops = []
    for x in images:
        top, left = (int(torch.randint(side - size + 1, ())) for side in x.shape[1:])
        crops.append(x[:, top : top + size, left : left + size])
    clean = torch.stack(crops).to(options.device)
    return clean + 0.1 * torch.randn_like(clean), clean


network = nn.Sequential(
    nn.Conv2d(3, 32, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(32, 32, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(32, 3, 3, padding=1, bias=False),
).to(options.device)
nn.init.zeros_(network[-1].weight)  # the network predicts the noise: it begins with none
backbone = dsd.load_backbone(options.backbone, ["relu2_1"], device=options.device)
loss = dsd.LossSum({"l1": (1, nn.L1Loss()), "dsd": (options.weight, dsd.DSDLoss(backbone))})
optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)

for step in range(1, options.steps + 1):
    noisy, clean = batch(photographs[2:])
    total, terms = loss(noisy - network(noisy), clean)  # predictions may leave [0, 1]
    optimizer.zero_grad()
    with dsd.full_precision():  # the gradient, too
        total.backward()
    optimizer.step()
    if step in (1, options.steps) or step % 10 == 0:
        print(f"step {step:>4}  " + "  ".join(f"{name} {term.item():.4g}" for name, term in terms.items()))

noisy, clean = batch(photographs[:2], size=256)  # these were not trained on
with torch.inference_mode():
    for what, prediction in {"noisy": noisy, "denoised": noisy - network(noisy)}.items():
        total, terms = loss(prediction, clean)
        print(f"{what:<9}  " + "  ".join(f"{name} {term.item():.4g}" for name, term in terms.items()))
