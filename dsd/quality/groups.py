"""Measures that are computed together, and apart where that fails."""

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence

from torch import Tensor


def values_of(
    groups: Iterable[Sequence[str]],
    compute: Callable[[Sequence[str]], Mapping[str, Tensor]],
    failed: MutableMapping[str, str] | None = None,
) -> dict[str, Tensor]:
    """Every measure's value.

    Args:
        groups: names of measures that share work.
        compute: names of a group → their values.
        failed: where measures that these images do not have, or have not the memory for, are noted with the reason; one
            does not take its group with it. None: they are an error.

    Raises:
        ValueError, RuntimeError, MemoryError: of `compute`.
    """
    values: dict[str, Tensor] = {}
    left = [list(names) for names in groups if names]
    while left:
        names = left.pop()
        try:
            values |= compute(names)
        except (ValueError, RuntimeError, MemoryError) as error:
            if failed is None:
                raise
            if len(names) > 1:
                left += [[name] for name in names]
            else:
                failed[names[0]] = str(error)
    return values
