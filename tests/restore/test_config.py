"""Settings of training runs: their defaults, how they change, and what is refused."""

from dataclasses import asdict, fields

import pytest

from dsd import paper
from dsd.restore.config import DISTRIBUTIONS, OPTIONS, Config, DataConfig, NetworkConfig, ValidationConfig
from dsd.restore.config_files import as_yaml, load_config, parse_config
from tests.conftest import REPOSITORY

L1 = {"losses": {"rec": {"weight": 1}}}
BOTH = {"rec": {"weight": 1}, "per": {"weight": 1}}
FILES = sorted(REPOSITORY.glob("configs/*/*.yaml"))


def parse(*changes, **values):
    return parse_config({**L1, **values}, changes)


def test_defaults():
    config = asdict(parse_config(L1))
    assert config == {
        "losses": {"rec": {"weight": 1}},
        "task": "sr",
        "network": {"blocks": 5, "activation": "xunit", "scale": 4},
        "data": {
            "layout": "folders",
            "images": ("bsds500/train", "bsds500/test"),
            "degraded": (),
            "keep": True,
            "like": "matlab-8bit",
            "blur": "shake",
            "noise_std": 25 / 255,
            "misaligned": 0,
            "margin": None,
            "side": 64,
            "batch": 8,
            "pool": None,
            "noise": False,
        },
        "validation": {"images": "", "count": 5, "every": 1000},
        "steps": 300_000,
        "rate": 2e-4,
        "betas": (0.9, 0.99),
        "schedule": "halved",
        "average": 0.999,
        "clip": None,
        "precision": "float32",
        "backbone": "vgg19",
        "weights": "auto",
        "balance": 50,
        "start": None,
        "seed": 0,
    }


def test_parts_have_the_defaults_too():
    config = parse_config(L1)
    assert (config.network, config.data, config.validation) == (NetworkConfig(), DataConfig(), ValidationConfig())


def test_the_paper_compares_these_losses():
    assert {loss.lower() for loss in paper.TABLE3} == set(DISTRIBUTIONS)
    assert {"rec", "per", *DISTRIBUTIONS} == set(OPTIONS)


def test_changes_take_the_place_of_values():
    config = parse("steps=10", "data.side=32", "losses.dsd.weight=100", "losses.dsd.layers=[relu2_2, relu3_1]")
    assert config.steps == 10
    assert config.data.side == 32
    assert config.data.batch == 8
    assert config.losses == {"rec": {"weight": 1}, "dsd": {"weight": 100, "layers": ["relu2_2", "relu3_1"]}}
    assert parse("start=a=b").start == "a=b"
    assert parse("start=null", start="l1").start is None
    assert parse("seed=1", "seed=2").seed == 2


def test_changes_leave_what_was_given():
    values = {"losses": {"rec": {"weight": 1}}, "data": {"side": 32}}
    parse_config(values, ["losses.rec.weight=2", "data.side=64"])
    assert values == {"losses": {"rec": {"weight": 1}}, "data": {"side": 32}}


@pytest.mark.parametrize("text", ["2e-4", "2E-4", "0.0002", ".0002"])
def test_numbers_that_yaml_takes_for_text(text, tmp_path):
    assert parse(f"rate={text}").rate == pytest.approx(2e-4)
    (tmp_path / "x.yaml").write_text(f"losses: {{rec: {{weight: 1}}}}\nrate: {text}\nbetas: [9e-1, 0.99]\nclip: 1e2\n")
    config = load_config(tmp_path / "x.yaml")
    assert (config.rate, config.betas, config.clip) == (2e-4, (0.9, 0.99), 100)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_repositorys_files(path):
    config = load_config(path)
    assert path.stem.startswith(config.task)
    assert parse_config(as_dict(config)) == config
    if config.start:
        first = path.with_name(f"{path.stem}-l1.yaml")
        if first.is_file():
            assert load_config(first).network == config.network
    assert path.read_text(encoding="utf-8").startswith("# ")


def test_there_are_such_files():
    assert {path.parent.name for path in FILES} == {"quick", "sample", "paper"}


@pytest.mark.parametrize("name", ["sr-l1", "sr"])
def test_the_papers_settings(name):
    """3.1, Table 3: 300K steps of 16 LR crops of 40×40, Adam with 2e-4 and (0.9, 0.99), halved three times."""
    config = load_config(REPOSITORY / "configs" / "paper" / f"{name}.yaml")
    assert (config.steps, config.rate, config.betas, config.schedule) == (300_000, 2e-4, (0.9, 0.99), "halved")
    assert (config.data.batch, config.data.side // config.network.scale, config.data.layout) == (16, 40, "div2k")


def as_dict(config):
    import yaml

    return yaml.safe_load(as_yaml(config))


def test_all_settings_are_written_and_read_again(tmp_path):
    config = parse_config(
        {
            "task": "deblur",
            "network": {"scale": 1},
            "losses": {"per": {"weight": 1}, "dsd": {"weight": "balanced", "layers": {"relu2_2": 2}, "alphas": [2, 4]}},
            "data": {"images": ["Fotos für x"], "pool": 4},
            "rate": "1e-3",
            "start": "a b.safetensors",
        }
    )
    path = tmp_path / "x.yaml"
    path.write_text(as_yaml(config), encoding="utf-8")
    assert load_config(path) == config
    assert list(as_dict(config)) == [item.name for item in fields(Config)]
    assert "Fotos für x" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("loss", DISTRIBUTIONS)
def test_a_distribution_loss_may_be_balanced_against_the_perceptual_one(loss):
    assert parse_config({"losses": {**BOTH, loss: {"weight": "balanced"}}}).losses[loss]["weight"] == "balanced"


@pytest.mark.parametrize(("loss", "options"), OPTIONS.items())
def test_each_loss_takes_its_options_and_no_others(loss, options):
    parse_config({"losses": {loss: {"weight": 0, **dict.fromkeys(options, "anything")}}})
    message = f"unknown losses.{loss}.depth; valid ones: {', '.join(('weight', *options))}$"
    with pytest.raises(ValueError, match=message):
        parse_config({"losses": {loss: {"weight": 1, "depth": 1}}})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("network.blocks=0", "network.blocks must be an integer of at least 1, got 0"),
        ("network.activation=tanh", "network.activation must be one of relu, xunit; got 'tanh'"),
        ("network.scale=3", "network.scale must be 1, 2 or 4, got 3"),
        ("network.scale=true", "network.scale must be 1, 2 or 4, got True"),
        ("network.scale=4.0", r"network.scale must be 1, 2 or 4, got 4\.0"),
        ("network.scale=[4]", "network.scale must be 1, 2 or 4"),
        ("data.layout=lmdb", "data.layout must be one of folders, div2k, reds; got 'lmdb'"),
        ("data.images=[]", r"data.images must be a list of at least 1 names, got \(\)"),
        ("data.images=bsds500", "data.images must be a list of at least 1 names, got 'bsds500'"),
        ("data.images=null", "data.images must be a list of at least 1 names, got None"),
        ("data.images=[1]", "data.images must be of text, got 1"),
        ("data.images=['']", "data.images must be of text, got ''"),
        ("data.degraded=low", "data.degraded must be a list of at least 0 names, got 'low'"),
        ("data.degraded=[low]", "data.degraded must have a folder for each of data.images, got 1 for 2"),
        ("data.like=opencv", "data.like must be one of matlab-8bit, selfexsr; got 'opencv'"),
        ("data.blur=defocus", "data.blur must be one of shake, frames; got 'defocus'"),
        ("data.noise_std=-1", "data.noise_std must be a finite number of at least 0, got -1"),
        ("data.noise_std=25", "data.noise_std must be at most 1, as values are from 0 to 1; got 25"),
        ("data.misaligned=8", "data.misaligned and data.margin must be 0 but for denoise without data.degraded"),
        ("data.margin=8", "data.misaligned and data.margin must be 0 but for denoise without data.degraded"),
        ("data.misaligned=0.5", r"data.misaligned must be an integer of at least 0, got 0\.5"),
        ("data.side=0", "data.side must be an integer of at least 1, got 0"),
        ("data.side=66", "data.side must be a multiple of network.scale, 4; got 66"),
        ("data.batch=2.5", r"data.batch must be an integer of at least 1, got 2\.5"),
        ("data.pool=0", "data.pool must be an integer of at least 1, got 0"),
        ("data.keep=1", "data.keep must be true or false, got 1"),
        ("data.noise=null", "data.noise must be true or false, got None"),
        ("data.layout=reds", "data.layout reds is not for sr"),
        ("validation.images=null", "validation.images must be a folder's name, got None"),
        ("validation.count=0", "validation.count must be an integer of at least 1, got 0"),
        ("validation.every=0", "validation.every must be an integer of at least 1, got 0"),
        ("task=inpaint", "task must be one of sr, deblur, denoise; got 'inpaint'"),
        ("task=deblur", "network.scale must be 2 or 4 for sr and 1 for deblur and denoise, got 4"),
        ("network.scale=1", "network.scale must be 2 or 4 for sr and 1 for deblur and denoise, got 1"),
        ("steps=0", "steps must be an integer of at least 1, got 0"),
        ("steps=1e3", "steps must be an integer of at least 1, got '1e3'"),
        ("rate=0", "rate must be above 0, got 0"),
        ("rate=-1", "rate must be a finite number of at least 0, got -1"),
        ("rate=fast", "rate must be a finite number of at least 0, got 'fast'"),
        ("rate=.nan", "rate must be a finite number of at least 0, got nan"),
        ("betas=[0.9]", r"betas must be two numbers from 0 to below 1, got \(0\.9,\)"),
        ("betas=[0.9, 1]", r"betas must be two numbers from 0 to below 1, got \(0\.9, 1\)"),
        ("betas=[-0.1, 0.9]", "betas must be two numbers from 0 to below 1"),
        ("betas=0.9", r"betas must be two numbers from 0 to below 1, got 0\.9"),
        ("schedule=step", "schedule must be one of halved, cosine; got 'step'"),
        ("average=1", "average must be below 1, got 1"),
        ("average=-1", "average must be a finite number of at least 0, got -1"),
        ("clip=0", "clip must be above 0, got 0"),
        ("clip=none", "clip must be a finite number of at least 0, got 'none'"),
        ("precision=float16", "precision must be one of float32, bfloat16; got 'float16'"),
        ("backbone=''", "backbone must be of text, got ''"),
        ("weights=null", "weights must be of text, got None"),
        ("start=1", "start must be of text, got 1"),
        ("balance=0", "balance must be an integer of at least 1, got 0"),
        ("seed=-1", "seed must be an integer of at least 0, got -1"),
        ("losses=null", "losses must name at least one of rec, per, cx, pdl, style, mss, dsd; got None"),
        ("losses={}", "losses must name at least one of rec, per"),
        ("losses=[rec]", "losses must name at least one of rec, per"),
        ("losses.gan.weight=1", "there is no loss 'gan'; there are rec, per, cx, pdl, style, mss, dsd"),
        ("losses.per.layers=[relu1_2]", r"losses.per must have a weight, as in per: \{weight: 1\}; got \{'layers'"),
        ("losses.per=1", r"losses.per must have a weight, as in per: \{weight: 1\}; got 1"),
        ("losses.rec.layers=[relu1_2]", "unknown losses.rec.layers; valid ones: weight$"),
        ("losses.per.weight=-1", "losses.per.weight must be a number of at least 0, got -1"),
        ("losses.per.weight=true", "losses.per.weight must be a number of at least 0, got True"),
        ("losses.per.weight=.inf", "losses.per.weight must be a number of at least 0, got inf"),
        ("losses.dsd.weight=much", "losses.dsd.weight must be a number of at least 0 or balanced, got 'much'"),
        ("losses.rec.weight=balanced", "losses.rec.weight cannot be balanced: only cx, pdl, style, mss, dsd can"),
        ("losses.dsd.weight=balanced", "losses.dsd.weight cannot be balanced: .*, against per$"),
        ("speed=1", "unknown speed; valid ones: losses, task, network, data"),
        ("data.crop=1", "unknown data.crop; valid ones: layout, images"),
        ("network.width=1", "unknown network.width; valid ones: blocks, activation, scale"),
        ("validation.seed=1", "unknown validation.seed; valid ones: images, count, every"),
        ("network=5", "network must be lines NAME: VALUE, got 5"),
        ("data=null", "data must be lines NAME: VALUE, got None"),
        ("steps", "a change must be NAME=VALUE, as in losses.dsd.weight=100; got 'steps'"),
        ("=5", "a change must be NAME=VALUE, .* got '=5'"),
        ("data..side=5", "a change must be NAME=VALUE, .* got 'data..side=5'"),
        ("steps.data=5", "'steps.data=5' cannot be: steps is 7"),
        ("steps=[", r"'steps=\[' has no value in YAML"),
    ],
)
def test_refused(change, message):
    with pytest.raises(ValueError, match=message):
        parse_config({**L1, "steps": 7}, [change])


def test_refused_together():
    with pytest.raises(ValueError, match="one of cx, pdl, style, mss, dsd at most, got style, dsd"):
        parse_config({"losses": {"style": {"weight": 1}, "dsd": {"weight": 1}}})
    with pytest.raises(ValueError, match=r"data\.degraded must be empty for the layout div2k, which has its own"):
        parse(data={"layout": "div2k", "images": ["a"], "degraded": ["b"]})
    with pytest.raises(ValueError, match=r"data\.layout div2k is not for deblur"):
        parse(task="deblur", network={"scale": 1}, data={"layout": "div2k"})
    with pytest.raises(ValueError, match=r"losses are missing, as in losses: \{rec: \{weight: 1\}\}"):
        parse_config({"steps": 1})
    for values in (None, [], "steps"):
        with pytest.raises(ValueError, match="the settings must be lines NAME: VALUE, got"):
            parse_config(values)


def test_errors_name_the_file(tmp_path):
    path = tmp_path / "x.yaml"
    with pytest.raises(FileNotFoundError, match=r"no settings at .*x\.yaml"):
        load_config(path)
    for content, message in (
        (b"", r"x\.yaml: the settings must be lines NAME: VALUE, got None"),
        (b"losses: [", r"x\.yaml is no YAML: "),
        (b"steps: \xff", r"x\.yaml is no YAML: "),
        (b"losses: {rec: {weight: 1}}\nsteps: 0\n", r"x\.yaml: steps must be an integer of at least 1, got 0"),
        (b"losses: {rec: {weight: 1}}\n1: 0\n", r"x\.yaml: unknown 1; valid ones"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            load_config(path)
