"""A weighted sum of losses, for which each network runs once."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from dsd.checks import is_number
from dsd.losses.base import FeatureLoss, check_pair, encode_together


class LossSum(nn.Module):
    """Σ weight · loss(x, y), as in the paper's Eq. 6; each network sees each image once at each scale.

    Args:
        terms: {name: (weight, loss)}. Losses on features of one network must share it, and not have a copy each; any
            other module is called with predictions and targets, ``torch.nn.L1Loss()`` say.

    Call with predictions and targets, float (N, 3, H, W), or with what :meth:`encode` made of the targets.

    Raises:
        ValueError: no terms; one that is no pair of a finite weight and a module that returns a number; losses on two
            copies of one network.

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
        if not isinstance(terms, Mapping) or not terms:
            raise ValueError(
                f"terms must be a mapping of at least one name to a weight and a loss, got {type(terms).__name__}"
            )
        for name, term in terms.items():
            if not (isinstance(term, tuple) and len(term) == 2):
                raise ValueError(
                    f"each term must be a pair of a weight and a loss, {name} is of type {type(term).__name__}"
                )
            if not is_number(term[0]):
                raise ValueError(f"the weight of {name} must be a finite number, got {term[0]!r}")
            if not isinstance(term[1], nn.Module) or isinstance(term[1], LossSum):
                raise ValueError(f"the loss of {name} must be a module, and no sum; got {type(term[1]).__name__}")
            if getattr(term[1], "reduction", "mean") == "none":
                raise ValueError(f"the loss of {name} must be reduced to a number, its reduction is 'none'")
        self.names = tuple(terms)
        self.weights = tuple(float(weight) for weight, _ in terms.values())
        self.losses = nn.ModuleList(loss for _, loss in terms.values())
        backbones = {id(loss.backbone): loss.backbone for loss in self._on_features()}.values()
        if len({str(network.provenance()) for network in backbones}) < len(backbones):
            raise ValueError(
                "losses on features of one network must share it, so that it runs once: pass the same network to each; "
                f"got {len(backbones)}: {', '.join(network.backbone_name for network in backbones)}"
            )

    def _on_features(self) -> list[FeatureLoss]:
        return [loss for loss in self.losses if isinstance(loss, FeatureLoss)]

    def encode(self, y: Tensor) -> dict[str, Any]:
        """What targets are compared by: {name: encoding}; the targets themselves for a loss that is not on features."""
        return self._encode(y, "y")

    def _encode(self, images: Tensor, argument: str) -> dict[str, Any]:
        together: dict[int, list[FeatureLoss]] = {}  # losses of one network
        for loss in self._on_features():
            together.setdefault(id(loss.backbone), []).append(loss)
        encodings = {
            id(loss): encoding
            for losses in together.values()
            for loss, encoding in zip(losses, encode_together(images, losses, argument), strict=True)
        }
        return {name: encodings.get(id(loss), images) for name, loss in zip(self.names, self.losses, strict=True)}

    def forward(self, x: Tensor, y: Tensor | Mapping) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum, and its terms before their weights.

        Args:
            x: predictions, float (N, 3, H, W); values may overshoot [0, 1].
            y: targets (N, 3, H, W), or what :meth:`encode` returned for them.

        Returns:
            The sum, and {name: term}.

        Raises:
            TypeError: `x` or `y` is something else.
            ValueError: predictions and targets don't fit each other; a loss returns no number.
        """
        check_pair(x, y, any(loss.equal_sizes for loss in self._on_features()))
        targets = self.encode(y) if isinstance(y, Tensor) else y
        if tuple(targets) != self.names:
            raise ValueError(f"the targets' encoding has {list(targets)}, this sum has {list(self.names)}")
        predictions = self._encode(x, "x")
        terms = {}
        for name, loss in zip(self.names, self.losses, strict=True):
            if isinstance(loss, FeatureLoss):
                terms[name] = loss.compare(predictions[name], targets[name])
            else:
                check_pair(x, targets[name], equal_sizes=True)
                terms[name] = loss(x, targets[name])
                if not isinstance(terms[name], Tensor) or terms[name].ndim:
                    got = tuple(terms[name].shape) if isinstance(terms[name], Tensor) else type(terms[name]).__name__
                    raise ValueError(f"the loss of {name} must return a number, a tensor of shape (); got {got}")
        total = torch.stack([weight * term for weight, term in zip(self.weights, terms.values(), strict=True)]).sum()
        return total, terms
