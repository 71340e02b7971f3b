from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from dsd.data.images import load_image, save_image
from dsd.data.rated import RatedImages
from dsd.learned.channels import pairs_of
from dsd.learned.held_out import MORE, balance, folds, learn, scores, summarise_heads
from dsd.learned.train import Fitting
from dsd.learned.triplets import judged
from dsd.quality.evaluate import Agreement
from tests.learned.samples import write_rated

FITTING = Fitting(steps=100, batch=20, rate=1e-2, dropout=0)


@pytest.fixture
def sets(tmp_path):
    return [RatedImages.csv(write_rated(tmp_path / name, seed=seed)) for seed, name in enumerate("ab")]


def test_a_fold_has_triplets_of_all_other_references(sets):
    found = list(folds(sets, 4, seed=0))
    assert [fold.reference for fold in found] == [reference for rated in sets for reference in rated.images()]
    for fold in found:
        references = [at.reference for at in fold.triplets]
        assert fold.reference not in references
        assert len(set(references)) == 3
        assert all(references.count(reference) == 4 for reference in references)


def test_shares_do_not_know_the_reference_held_out(sets):
    """A set's spread is of the pairs that are learned from."""
    rated = sets[0]
    first, second = rated.images()
    scaled = [replace(p, preference=100 * p.preference) if p.reference == first else p for p in rated.pairs]
    before, after = (next(iter(folds([replace(rated, pairs=pairs)], 9, 0))) for pairs in (rated.pairs, scaled))
    assert before.reference == first
    assert [at.share for at in before.triplets] == [at.share for at in after.triplets]
    assert {at.reference for at in after.triplets} == {second}


def test_one_reference_is_not_enough(sets):
    first = next(iter(sets[0].images()))
    alone = replace(sets[0], pairs=[pair for pair in sets[0].pairs if pair.reference == first])
    with pytest.raises(ValueError, match="references of at least two photographs, to hold one out; got 1 of one"):
        next(folds([alone], 9, 0))
    with pytest.raises(ValueError, match="triplets must be an integer of at least 1, got 0"):
        next(folds(sets, 0, 0))


def test_a_photograph_of_two_sets_is_held_out_of_both(sets, tmp_path):
    twin = RatedImages.csv(write_rated(tmp_path / "twin", size=(36, 44)))
    for number in range(2):  # a part of the other set's
        reference = load_image(sets[0].root / f"ref{number}.png")
        save_image(reference[:, :36, 4:], twin.root / f"ref{number}.png")
    found = list(folds([sets[0], twin], 9, 0))
    for fold in found:
        assert {path.name for path in fold.same} == {fold.reference.name}
        assert len(fold.same) == 2
        assert {at.reference.name for at in fold.triplets} == {"ref0.png", "ref1.png"} - {fold.reference.name}


def test_balanced_layers_give_equal_parts_of_what_is_learned_from(sets, planted):
    channels, pairs = planted
    fold = next(folds(sets, 9, 0))
    heads = balance({"x": 2, "y": 3}, channels, pairs, fold)
    own = np.array([reference != fold.reference for reference, _ in pairs])
    means = channels.numpy()[own].mean(axis=0)
    np.testing.assert_allclose(heads, np.repeat([0.5 / means[:2].sum(), 0.5 / means[2:].sum()], [2, 3]), rtol=1e-5)


@pytest.fixture
def planted(sets):
    """People heed the last channel of the first layer, and no other: (channels, pairs)."""
    pairs = pairs_of([at for rated in sets for at in judged(rated).judgements])
    channels = torch.rand(len(pairs), 5, generator=torch.Generator().manual_seed(0))
    channels[:, 1] = torch.tensor([float(image.stem.split("_")[1]) / 40 for _, image in pairs])
    return channels, pairs


def test_learns_what_people_heed(sets, planted, tmp_path):
    fold = next(folds(sets, 9, 0))
    heads = {
        kind: learn(tmp_path / kind, {"x": 2, "y": 3}, *planted, fold, FITTING, kind)
        for kind in ("layers", "channels", "shuffled")
    }
    others = planted[0][torch.tensor([reference != fold.reference for reference, _ in planted[1]])]
    for found in heads.values():
        assert (others @ found).mean().item() == pytest.approx(1, rel=1e-5)
    assert heads["channels"].argmax() == 1
    assert heads["layers"][0] == heads["layers"][1] > heads["layers"][2] == heads["layers"][3] == heads["layers"][4]
    assert heads["channels"][1] / heads["channels"].sum() > heads["shuffled"][1] / heads["shuffled"].sum()


def test_each_reference_is_scored_with_its_own_weights(sets, planted):
    channels, pairs = planted
    heads = {reference: torch.rand(5) for rated in sets for reference in rated.images()}
    table = scores(channels, pairs, heads, sets[1])
    own = [(pair, m) for pair, m in zip(pairs, channels, strict=True) if pair[0] in sets[1].images()]
    np.testing.assert_allclose(table.value, [m.numpy() @ heads[pair[0]].numpy() for pair, m in own], rtol=1e-6)
    assert list(table.distorted) == [pair[1].name for pair, _ in own]


def agreement(uniform, *learned):
    """Estimates, then two resamples."""
    columns = {"uniform": uniform} | {f"channels {k}": values for k, values in enumerate(learned)}
    table = pd.DataFrame(columns)
    return Agreement({"pearson": table, "agreement": table})


def test_differences_are_paired_and_means_over_seeds():
    found = {
        ("lpips", "net"): agreement([0.5, 0.4, 0.6], [0.6, 0.5, 0.7], [0.8, 0.7, 0.9]),
        ("dsd", "net"): agreement([0.2, 0.1, 0.3], [0.7, 0.6, 0.8], [0.9, 0.8, 1.0]),
    }
    table = summarise_heads(found).query("kind == 'pearson'").set_index(["measure", "heads", "minus"])
    row = table.loc["lpips", "channels", ""]
    assert row[["value", "lowest", "highest"]].tolist() == pytest.approx([0.7, 0.6, 0.8])
    row = table.loc["dsd", "channels", "uniform"]
    assert row[["value", "low", "high"]].tolist() == pytest.approx([0.6, 0.6, 0.6])
    row = table.loc[MORE, "channels", "uniform"]
    assert row[["value", "lowest", "highest"]].tolist() == pytest.approx([0.4, 0.4, 0.4])


def test_what_one_measure_lacks_is_not_compared():
    table = summarise_heads({("lpips", "net"): agreement([0.5, 0.4], [0.6, 0.5])})
    assert MORE not in set(table.measure)
    assert set(table.heads) == {"uniform", "channels"}
