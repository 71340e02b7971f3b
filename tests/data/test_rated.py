import itertools
from collections import Counter

import pytest
from PIL import Image

from dsd.data.distortion_types import TID2013, type_in_name
from dsd.data.rated import RatedImages
from dsd.paths import data_root


def images(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16)).save(path)


def table(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def pieapp(tmp_path):
    """Two references in PieAPP's layout, whose labels have spaces in the header; the reference is rated too."""
    root = tmp_path / "pieapp"
    for n in (1, 2):
        images(root / "reference_images" / "test", f"ref_{n}.png")
        one, other = f"distort_{n}_blur_inter_0.png", f"distort_{n}_noise_intra_7.png"
        images(root / "distorted_images" / "test" / f"ref_{n}", one, other)
        table(
            root / "labels" / "test" / f"ref_{n}_pairwise_labels.csv",
            "ref. image, distorted image A, distorted image B, preference for A",
            f"ref_{n}.png, {one}, {other}, 0.25",
            f"ref_{n}.png, ref_{n}.png, {one}, 1",
            f"ref_{n}.png, {other}, ref_{n}.png, 0.0",
        )
        table(root / "labels" / "test" / f"ref_{n}_per_image_score.csv", "ref. image, distorted image, score")
    return root


@pytest.fixture
def flat(tmp_path):
    images(tmp_path / "set", "x.png", "y.png", *(f"{name}/{n}.png" for name in "xy" for n in (1, 2, 3)))
    return tmp_path / "set"


def test_pieapp(pieapp):
    rated = RatedImages.pieapp(pieapp)
    assert rated.kind == "probability"
    assert [pair.preference for pair in rated.pairs] == [0.25, 1, 0] * 2
    reference, distorted = pieapp / "reference_images/test/ref_1.png", pieapp / "distorted_images/test/ref_1"
    blur, noise = distorted / "distort_1_blur_inter_0.png", distorted / "distort_1_noise_intra_7.png"
    assert [(pair.a, pair.b) for pair in rated.pairs[:3]] == [(blur, noise), (reference, blur), (noise, reference)]
    assert rated.images()[reference] == sorted([reference, blur, noise])
    assert rated.root == pieapp
    provenance = rated.provenance()
    assert [provenance[key] for key in ("dataset", "references", "images", "pairs")] == ["PieAPP test", 2, 6, 6]


def test_pieapp_is_found_under_the_data_root(pieapp, monkeypatch):
    monkeypatch.setenv("DSD_DATA", str(pieapp.parent))
    assert len(RatedImages.pieapp("pieapp").pairs) == 6


def test_pieapp_training_labels_have_a_raw_preference_with_gaps(pieapp):
    (pieapp / "labels/test/ref_2_pairwise_labels.csv").unlink()
    header = "ref. image, distorted image A, distorted image B, raw preference for A, processed preference for A"
    row = "ref_1.png, distort_1_blur_inter_0.png, distort_1_noise_intra_7.png"
    labels = table(pieapp / "labels/test/ref_1_pairwise_labels.csv", header, row + ", , 0.5", row + ", 0.1, 0.2", "")
    assert [pair.preference for pair in RatedImages.pieapp(pieapp).pairs] == [0.5, 0.2]
    table(labels, header + ", raters", row + ", , 0.5, 40", row + ", 0.1, 0.2, 38")
    assert [pair.preference for pair in RatedImages.pieapp(pieapp).pairs] == [0.5, 0.2]


@pytest.mark.parametrize(("preference", "shown"), [("1.5", "1.5"), ("-0.1", "-0.1"), ("", ""), ("nan", "nan")])
def test_pieapp_errors_name_the_line(pieapp, preference, shown):
    labels = pieapp / "labels/test/ref_2_pairwise_labels.csv"
    labels.write_text(labels.read_text().replace(", 1\n", f", {preference}\n"))
    expected = rf"ref_2_pairwise_labels.csv, line 3: preference must be a probability in \[0, 1\], got '{shown}'"
    with pytest.raises(ValueError, match=expected):
        RatedImages.pieapp(pieapp)


def test_pieapp_needs_its_columns(pieapp):
    table(pieapp / "labels/test/ref_1_pairwise_labels.csv", "reference, distorted, score", "ref_1.png, a.png, 1")
    with pytest.raises(ValueError, match=r"ref_1_pairwise_labels.csv, line 1: reference, distorted A, .* are expected"):
        RatedImages.pieapp(pieapp)


def test_pieapp_that_is_not_there(pieapp, tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder nowhere"):
        RatedImages.pieapp("nowhere")
    with pytest.raises(FileNotFoundError, match=r"no ref_\*_pairwise_labels.csv in .*train: PieAPP's published layout"):
        RatedImages.pieapp(pieapp, split="train")


def test_missing_images_are_named(pieapp):
    for path in (pieapp / "distorted_images").rglob("*.png"):
        path.unlink()
    expected = r"4 of the 6 images in .*labels.test are missing: .*1_blur.*, .*1_noise.*, .*2_blur_inter_0.png, …"
    with pytest.raises(FileNotFoundError, match=expected):
        RatedImages.pieapp(pieapp)


@pytest.mark.parametrize(("column", "sign"), [("dmos", 1), ("score", 1), ("MOS", -1)])
def test_scores_become_pairs(flat, column, sign):
    rows = [f"{name}.png, {name}/{n}.png, blur, {n**2}" for name in "xy" for n in (1, 2, 3)]
    rated = RatedImages.csv(table(flat / "ratings.csv", f"Reference, distorted, kind, {column}", *rows))
    assert rated.kind == "score difference"
    assert rated.name == "set"
    assert rated.images() == {flat / f"{name}.png": [flat / name / f"{n}.png" for n in (1, 2, 3)] for name in "xy"}
    pairs = [(pair.reference.stem, int(pair.a.stem), int(pair.b.stem), pair.preference) for pair in rated.pairs]
    assert pairs == [
        (name, a, b, sign * (b**2 - a**2)) for name in "xy" for a, b in itertools.combinations((1, 2, 3), 2)
    ]


def test_preferences_in_a_table(flat):
    path = table(flat / "ratings.csv", "\ufeffreference,a,b,preference", "x.png,x/1.png,x/3.png,0.8")
    rated = RatedImages.csv(path)
    assert rated.kind == "probability"
    (pair,) = rated.pairs
    assert (pair.reference, pair.a, pair.b, pair.preference) == (
        flat / "x.png",
        flat / "x/1.png",
        flat / "x/3.png",
        0.8,
    )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], "a header and at least one row are expected, got 0 lines"),
        (["reference,distorted,dmos"], "a header and at least one row are expected, got 1 lines"),
        (["reference,dmos", "x.png,1"], "line 1: the columns reference, a, b, .* are expected, got reference, dmos"),
        (["reference,distorted,dmos,mos", "x.png,x/1.png,1,2"], "line 1: .* one of dmos, score, mos are expected"),
        (["reference,distorted,dmos", "x.png,x/1.png"], "line 2: 3 cells are expected as in the header, got 2"),
        (["reference,distorted,dmos", "", "x.png,x/1.png,bad"], "line 3: dmos must be a number, got 'bad'"),
        (["reference,distorted,dmos", "x.png,x/1.png,inf"], "line 2: dmos must be a number, got 'inf'"),
        (["reference,distorted,dmos", "x.png,x/1.png,1"], "at least two distorted images of one reference"),
        (["reference,distorted,dmos", *["x.png,x/1.png,1"] * 2], "line 3: one row per image is expected, x/1.png has"),
        (["reference,a,b,preference", "x.png,x/1.png,x/2.png,1.01"], r"line 2: preference must be .*, got '1.01'"),
    ],
)
def test_what_is_wrong_with_a_table(flat, lines, expected):
    with pytest.raises(ValueError, match=rf"set.ratings.csv.*{expected}"):
        RatedImages.csv(table(flat / "ratings.csv", *lines))


def test_table_that_is_not_there_or_no_text(flat):
    with pytest.raises(FileNotFoundError, match=r"no table of ratings at .*nowhere.csv"):
        RatedImages.csv(flat / "nowhere.csv")
    with pytest.raises(FileNotFoundError, match="no folder nowhere"):
        RatedImages.csv("nowhere/ratings.csv")
    with pytest.raises(ValueError, match=r"x.png: a CSV in UTF-8 is expected"):
        RatedImages.csv(flat / "x.png")


def test_provenance_depends_on_files_and_preferences_not_on_order_or_place(flat, tmp_path):
    rows = [f"x.png,x/{n}.png,x/3.png,0.{n}" for n in (1, 2)]

    def provenance(folder, *rows):
        return RatedImages.csv(table(folder / "ratings.csv", "reference,a,b,preference", *rows)).provenance()

    here = provenance(flat, *rows)
    assert here == provenance(flat, *rows[::-1])
    assert here != provenance(flat, rows[0], "x.png,x/2.png,x/3.png,0.3")
    elsewhere = provenance(flat.rename(tmp_path / "elsewhere"), *rows)
    assert elsewhere["pairs_sha256"] == here["pairs_sha256"]
    assert elsewhere["dataset"] == "elsewhere"
    assert elsewhere["summary"] == "elsewhere (1 reference, 2 pairs)"


def test_types_are_in_names_or_in_a_column(flat, pieapp):
    rows = [f"x.png, x/{n}.png, {kind}, {n}" for n, kind in ((1, "blur"), (2, ""), (3, "noise"))]
    rated = RatedImages.csv(table(flat / "ratings.csv", "reference, distorted, distortion, dmos", *rows))
    assert [rated.type_of(flat / "x" / f"{n}.png") for n in (1, 2, 3)] == ["blur", "", "noise"]
    assert rated.type_of(flat / "x.png") == ""
    images(flat, "tid/I02_24_1.bmp", "tid/i02_08_5.bmp")
    rows = [f"x.png, tid/{name}.bmp, Multiply_Dist., 5" for name in ("I02_24_1", "i02_08_5")]
    rated = RatedImages.csv(table(flat / "ratings.csv", "reference, distorted, distortion, mos", *rows))
    assert [rated.type_of(pair.a) for pair in rated.pairs] == ["sparse sampling"]
    assert [rated.type_of(pair.b) for pair in rated.pairs] == ["Gaussian blur"]
    rated = RatedImages.pieapp(pieapp)
    assert [rated.type_of(image) for image in (rated.pairs[0].a, rated.pairs[0].b)] == ["blur", "noise"]
    assert rated.type_of(rated.pairs[0].reference) == ""


@pytest.mark.parametrize("stem", ["i02_00_1", "i02_25_1", "i02_8_1", "distort_1_blur_0", "img1"])
def test_other_names_say_nothing(stem):
    assert type_in_name(stem) == ""


def test_tid2013():
    path = data_root() / "tid2013" / "ratings.csv"
    if not path.is_file():
        pytest.skip(f"no {path}")
    rated = RatedImages.csv("tid2013/ratings.csv")
    assert [rated.provenance()[key] for key in ("references", "images", "pairs")] == [1, 120, 120 * 119 // 2]
    ((_, distorted),) = rated.images().items()
    assert Counter(map(rated.type_of, distorted)) == dict.fromkeys(TID2013, 5)


def test_live():
    path = data_root() / "live" / "ratings.csv"
    if not path.is_file():
        pytest.skip(f"no {path}")
    provenance = RatedImages.csv("live/ratings.csv").provenance()
    assert (provenance["dataset"], provenance["references"], provenance["images"]) == ("live", 4, 75)
    assert provenance["pairs"] == 18 * 17 // 2 + 3 * (19 * 18 // 2)
