import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import dsd
from dsd.restore.model import load_model, save_model
from dsd.restore.networks import SRResNet

FORMS = [{"blocks": 1, "activation": "relu", "scale": 1}, {"blocks": 2, "activation": "xunit", "scale": 4}]


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(SRResNet(1, scale=2), path, {"steps": 7, "loss": "l1"})
    return path


@pytest.mark.parametrize("form", FORMS)
def test_a_written_network_is_what_it_was(tmp_path, form):
    network = SRResNet(**form)
    path = tmp_path / "x.safetensors"
    save_model(network, path, {"steps": 7})
    loaded, about = load_model(str(path))
    digest = about.pop("model_sha256")
    assert len(digest) == 64
    assert about == {"steps": 7, "network": form, "model": "x.safetensors"}
    assert loaded.form == form
    x = torch.rand(2, 3, 12, 10)
    expected = network(x).detach()
    torch.testing.assert_close(loaded(x), expected, rtol=0, atol=5e-3 * expected.std().item())  # weights of 11 bits
    save_model(loaded, tmp_path / "again.safetensors", {"steps": 7})  # which loses nothing more
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_a_file_is_small_and_loads_frozen(model):
    state = load_file(model)
    assert {value.dtype for value in state.values()} == {torch.float16, torch.float32}
    assert model.stat().st_size < 2.1 * sum(value.numel() for value in state.values()) + 9000
    network, _ = load_model(model)
    assert not network.training
    for name, parameter in network.named_parameters():
        assert parameter.dtype == torch.float32
        assert not parameter.requires_grad
        if parameter.ndim == 1:  # biases are exact
            assert torch.equal(parameter, state[name])


def test_goes_to_a_device(model, device):
    network, _ = load_model(model, device)
    assert network(torch.rand(1, 3, 5, 4, device=device)).device.type == device


def test_writing_changes_nothing_of_the_network(tmp_path):
    network = SRResNet(1).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    save_model(network, tmp_path / "x.safetensors", {})
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]


def about(**network):
    return {"about": json.dumps({"network": {"blocks": 1, "activation": "relu", "scale": 1, **network}})}


FOREIGN = "does not say of which form its network is"


@pytest.mark.parametrize(
    ("change", "metadata", "message"),
    [
        (lambda state: None, None, FOREIGN),
        (lambda state: None, {"format": "pt"}, FOREIGN),
        (lambda state: None, {"about": "SRResNet"}, "is not a readable weight file"),
        (lambda state: None, {"about": "[2]"}, "is not a readable weight file"),
        (lambda state: None, {"about": '{"network": "SRResNet"}'}, FOREIGN),
        (lambda state: None, {"about": '{"network": {"blocks": 1}}'}, FOREIGN),
        (lambda state: None, about(width=64), FOREIGN),
        (lambda state: state.pop("stem.0.bias"), about(), r"lacks stem\.0\.bias"),
        (lambda state: state.update(tail=torch.ones(1)), about(), "is not a SRResNet: it holds tail"),
        (lambda state: None, about(blocks=2), r"lacks blocks\.1\.body\.0\.weight"),
        (lambda state: None, about(activation="xunit"), r"lacks blocks\.0\.body\.1\.weigh\.weight"),
        (lambda state: None, about(scale=4), r"is not a SRResNet: it holds head\.0\.bias"),
        (lambda state: state["stem.0.bias"].fill_(torch.nan), about(), r"has NaN or infinite values in stem\.0\.bias"),
    ],
)
def test_refuses_a_file_that_is_none_of_it(tmp_path, change, metadata, message):
    state = {name: value.clone() for name, value in SRResNet(1, activation="relu", scale=1).state_dict().items()}
    change(state)
    save_file(state, tmp_path / "x.safetensors", metadata)
    with pytest.raises(ValueError, match=rf"x\.safetensors {message}"):
        load_model(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"blocks": 0}, "blocks must be an integer of at least 1"),
        ({"blocks": "1"}, "blocks must be an integer of at least 1"),
        ({"activation": ["relu"]}, "activation must be one of"),
        ({"scale": 3}, "scale must be 1, 2 or 4"),
    ],
)
def test_refuses_a_form_that_cannot_be(tmp_path, form, message):
    save_file({"x": torch.ones(1)}, tmp_path / "x.safetensors", about(**form))
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path / "x.safetensors")


def test_refuses_files_of_another_kind(tmp_path):
    package = Path(dsd.__file__).parent
    for path in (*(package / "noref").glob("psi-*.safetensors"), *(package / "backbones").glob("*.safetensors")):
        with pytest.raises(ValueError, match=FOREIGN):
            load_model(path)
    torch.save(SRResNet(1).state_dict(), tmp_path / "x.pth")
    with pytest.raises(ValueError, match=FOREIGN):
        load_model(tmp_path / "x.pth")


def test_refuses_what_is_damaged_or_not_there(tmp_path, model):
    with pytest.raises(FileNotFoundError, match=r"no weight file at .*nowhere\.safetensors"):
        load_model(tmp_path / "nowhere.safetensors")
    content = model.read_bytes()
    for damaged in (content[:-9], content[:20], b"", b"broken"):
        (tmp_path / "cut.safetensors").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"cut\.safetensors is not a readable weight file"):
            load_model(tmp_path / "cut.safetensors")
