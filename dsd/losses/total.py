"""A weighted sum of losses, for which the network runs once."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dsd.losses.base import FeatureLoss, check_pair, encode_together


class LossSum(nn.Module):
    """Σ weight · loss(x, y), as in the paper's Eq. 6; the network sees each image once at each scale.

    Args:
        terms: {name: (weight, loss)}. A loss on features must share its backbone with the others; any other module is
            called with predictions and targets, ``torch.nn.L1Loss()`` say.

    Call with predictions and targets, float (N, 3, H, W), or with what :meth:`encode` made of the targets.

    Raises:
        ValueError: no terms; losses on two copies of one network; a weight that is not finite.

    Reference:
        Kligvasser et al., NeurIPS 2021, Eq. 6.

    Example:
        >>> from dsd import DSDLoss, PerceptualLoss, VGG19Lite
        >>> network = VGG19Lite(("relu2_1", "relu3_1"))
        >>> loss = LossSum({
        ...     "rec": (1, nn.L1Loss()),
        ...     "per": (1, PerceptualLoss(network, layer_weights={"relu3_1": 1})),
        ...     "dsd": (100, DSDLoss(network, layer_weights={"relu2_1": 1})),
        ... })
        >>> x, y = torch.rand(2, 3, 32, 32, requires_grad=True), torch.rand(2, 3, 32, 32)
        >>> total, terms = loss(x, y)
        >>> total.backward()
        >>> list(terms)
        ['rec', 'per', 'dsd']
    """

    def __init__(self, terms: Mapping[str, tuple[float, nn.Module]]) -> None:
        super().__init__()
        if not terms:
            raise ValueError("terms must hold at least one loss")
        self.weights = {name: float(weight) for name, (weight, _) in terms.items()}
        if strange := [name for name, weight in self.weights.items() if not torch.tensor(weight).isfinite()]:
            raise ValueError(f"the weight of {strange[0]} must be finite, got {self.weights[strange[0]]}")
        self.losses = nn.ModuleDict({name: loss for name, (_, loss) in terms.items()})
        self._on_features = {name: loss for name, loss in self.losses.items() if isinstance(loss, FeatureLoss)}
        backbones = {id(loss.backbone): loss.backbone for loss in self._on_features.values()}
        if len(backbones) > 1:
            raise ValueError(
                "losses on features must share one backbone, so that it runs once: pass the same network to each; "
                f"got {len(backbones)}: {', '.join(network.backbone_name for network in backbones.values())}"
            )

    def encode(self, y: Tensor) -> dict:
        """What targets are compared by, {name: encoding, or for a loss that is not on features the targets}."""
        names = list(self._on_features)
        encodings = dict(zip(names, encode_together(y, list(self._on_features.values())), strict=True)) if names else {}
        return {name: encodings.get(name, y) for name in self.losses}

    def forward(self, x: Tensor, y: Tensor | Mapping) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum, and its terms before their weights.

        Args:
            x: predictions, float (N, 3, H, W); values may overshoot [0, 1].
            y: targets (N, 3, H, W), or what :meth:`encode` returned for them.

        Returns:
            The sum, and {name: term}.

        Raises:
            TypeError: `x` or `y` is something else.
            ValueError: predictions and targets don't fit each other.
        """
        check_pair(x, y, any(loss.equal_sizes for loss in self._on_features.values()))
        targets = self.encode(y) if isinstance(y, Tensor) else y
        if targets.keys() != self.weights.keys():
            raise ValueError(f"the targets' encoding has {list(targets)}, this sum has {list(self.weights)}")
        predictions = self.encode(x)
        terms = {
            name: loss.compare(predictions[name], targets[name])
            if isinstance(loss, FeatureLoss)
            else loss(x, targets[name])
            for name, loss in self.losses.items()
        }
        return torch.stack([self.weights[name] * term for name, term in terms.items()]).sum(dim=0), terms
