from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from dsd.backbones.weights import fill, find_weights, load_weights, read_compressed_classifier, read_state


def test_files_are_taken_in_order_and_absolute_ones_as_they_are(monkeypatch, tmp_path):
    monkeypatch.setenv("DSD_DATA", str(tmp_path))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "b.pth").touch()
    (tmp_path / "c.pth").touch()
    assert find_weights([Path("a.pth"), Path("b.pth")], "net") == tmp_path / "weights" / "b.pth"
    assert find_weights([tmp_path / "c.pth", Path("b.pth")], "net") == tmp_path / "c.pth"
    with pytest.raises(FileNotFoundError, match=r"no weights of net: looked for .*a\.pth"):
        find_weights([Path("a.pth")], "net")


def test_reads_both_formats(tmp_path):
    state = {"a": torch.rand(2, 3)}
    torch.save(state, tmp_path / "x.pth")
    safetensors.torch.save_file(state, tmp_path / "x.safetensors")
    for name in ("x.pth", "x.safetensors"):
        assert torch.equal(read_state(tmp_path / name)[0]["a"], state["a"])


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b"", lambda b: b"<html>", lambda b: b[: len(b) // 2]])
def test_refuses_damaged_files(tmp_path, name, damage):
    save = torch.save if name.endswith(".pth") else safetensors.torch.save_file
    save({"a": torch.rand(50)}, tmp_path / name)
    path = tmp_path / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"is not a readable weight file"):
        read_state(path)


@pytest.mark.parametrize("place", [0.3, 0.5, 0.6])
def test_a_flipped_bit_in_pytorchs_format_is_noticed(tmp_path, place):
    """PyTorch itself reads on: it does not look at the checksums in its zips."""
    path = tmp_path / "x.pth"
    torch.save({"a": torch.rand(5000)}, path)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    torch.load(path, weights_only=True)
    with pytest.raises(ValueError, match=r"x\.pth is not a readable weight file \(damaged, cut"):
        read_state(path)


def test_whatever_a_reader_raises_the_file_is_named(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise AttributeError("what a damaged pickle may lead to")

    torch.save({"a": torch.rand(5)}, tmp_path / "x.pth")
    monkeypatch.setattr(torch, "load", fail)
    with pytest.raises(ValueError, match=r"x\.pth is not a readable weight file"):
        read_state(tmp_path / "x.pth")


def test_refuses_what_holds_no_tensors(tmp_path):
    torch.save({"a": "text"}, tmp_path / "x.pth")
    with pytest.raises(ValueError, match=r"must hold a state dict of tensors, its 'a' is none"):
        read_state(tmp_path / "x.pth")


def test_fills_what_fits_and_refuses_the_rest():
    parameters = {"w": nn.Parameter(torch.zeros(2))}
    fill(parameters, {"w": torch.ones(2), "classifier.1": torch.ones(1)}, "it", "net")
    assert parameters["w"].tolist() == [1, 1]
    for state, message in (
        ({}, "it lacks w"),
        ({"w": torch.ones(3)}, r"it has w of shape \(3,\), net has \(2,\)"),
        ({"w": torch.tensor([1, float("inf")])}, "NaN or infinite values in w"),
        ({"w": torch.ones(2), "v": torch.ones(2)}, "it is not a net: it holds v, which net has not"),
        ({"w": "text"}, "it must have a tensor in w, got str"),
        ({"w": torch.ones(2, dtype=torch.int64)}, r"a dense floating-point tensor in w, got .*torch\.int64"),
        ({"w": torch.ones(2, dtype=torch.complex64)}, r"a dense floating-point tensor in w, got .*torch\.complex64"),
        ({"w": torch.ones(2).to_sparse()}, r"a dense floating-point tensor in w, got .*torch\.sparse_coo"),
        ({"w": torch.ones(2, device="meta")}, "a dense floating-point tensor in w, got one that is without values"),
        ({"w": torch.tensor([1, 1e300], dtype=torch.float64)}, "NaN or infinite values in w"),
    ):
        with pytest.raises(ValueError, match=message):
            fill(parameters, state, "it", "net")


def test_says_what_was_loaded(tmp_path):
    parameters = {"w.weight": nn.Parameter(torch.zeros(2, 2))}
    assert load_weights(parameters, "random", network="net", files=[]) == ("random", "random")
    assert load_weights(parameters, {"w.weight": torch.ones(2, 2)}, network="net", files=[])[0] == "state dict"
    with pytest.raises(
        TypeError, match="weights must be 'auto', 'random', 'random-1', a file or a state dict, got NoneType"
    ):
        load_weights(parameters, None, network="net", files=[])
    torch.save({"w.weight": torch.ones(2, 2)}, tmp_path / "x.pth")
    assert load_weights(parameters, "auto", network="net", files=[tmp_path / "x.pth"])[0] == "x.pth"


def test_random_weights_have_a_seed():
    filled = {}
    for name in ("random", "random-0", "random-1", "random-12"):
        parameters = {"w.weight": nn.Parameter(torch.zeros(64, 32, 3, 3)), "w.bias": nn.Parameter(torch.ones(64))}
        assert load_weights(parameters, name, network="net", files=[]) == (name, name)
        filled[name] = parameters["w.weight"].detach()
        assert filled[name].std().item() == pytest.approx((2 / (32 * 9)) ** 0.5, rel=0.02)  # He et al.
        assert not parameters["w.bias"].any()
    assert filled["random"].equal(filled["random-0"])
    assert not filled["random-1"].equal(filled["random"])
    assert not filled["random-1"].equal(filled["random-12"])
    with pytest.raises(FileNotFoundError, match="no weight file at random-x"):
        load_weights({}, "random-x", network="net", files=[])


def pack(weight, bits):
    """Affine quantisation by row, with a scale and a minimum of float16, as in the compressed file."""
    low = weight.min(dim=1, keepdim=True).values.half()
    scale = ((weight.max(dim=1, keepdim=True).values - low) / (2**bits - 1)).half()
    q = ((weight - low.float()) / scale.float()).round().clamp(0, 2**bits - 1).byte()
    return scale, low, q, (q[:, ::2] << 4 | q[:, 1::2]) if bits == 4 else q


def test_reads_the_compressed_classifier(tmp_path):
    packed, expected = {}, {}
    for index, bits in ((0, 4), (3, 4), (6, 8)):
        scale, low, q, stored = pack(torch.randn(6, 8), bits)
        bias = torch.randn(6).half()
        key = f"classifier.{index}"
        packed |= {f"{key}.weight.q{bits}": stored, f"{key}.weight.scale": scale, f"{key}.weight.min": low}
        packed[f"{key}.bias"] = bias
        expected |= {f"{key}.weight": q * scale.float() + low.float(), f"{key}.bias": bias.float()}
    torch.save(packed, tmp_path / "q.pth")
    state, _ = read_compressed_classifier(tmp_path / "q.pth")
    assert state.keys() == expected.keys()
    for key, value in expected.items():
        assert torch.equal(state[key], value)
    del packed["classifier.3.weight.scale"]
    torch.save(packed, tmp_path / "q.pth")
    with pytest.raises(ValueError, match=r"q\.pth is no compressed classifier of VGG-19: 'classifier.3.weight.scale'"):
        read_compressed_classifier(tmp_path / "q.pth")


@pytest.mark.usefixtures("no_weights")
def test_no_weights_names_the_network_that_comes_along_first():
    with pytest.raises(FileNotFoundError) as caught:
        find_weights([Path("vgg19-dcbb9e9d.pth")], "VGG-19", "VGG19_Weights.IMAGENET1K_V1")
    ways = str(caught.value).splitlines()[1:]
    assert [way[:4] for way in ways[:5]] == [f"  {number}." for number in range(1, 6)]
    assert all(word in ways[0] for word in ("--backbone lite", "BACKBONE=lite", "dsd.VGG19Lite()"))
