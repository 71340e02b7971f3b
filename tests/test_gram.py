import numpy as np
import pytest
import torch

from dsd import gram_matrix, l1_norm, patch_gram

FEATURES = torch.randn(3, 5, 6, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("normalize", ["chw", "hw"])
def test_gram_against_its_definition(normalize):
    expected = np.zeros((3, 5, 5))
    features = FEATURES.numpy()
    for n in range(3):
        for i in range(5):
            for j in range(5):
                expected[n, i, j] = (features[n, i] * features[n, j]).sum() / (6 * 7)
    if normalize == "chw":
        expected /= 5
    np.testing.assert_allclose(gram_matrix(FEATURES, normalize), expected, rtol=1e-12, atol=1e-15)


def test_gram_is_symmetric_and_positive_semidefinite():
    g = gram_matrix(FEATURES)
    torch.testing.assert_close(g, g.mT, rtol=0, atol=1e-14)
    assert torch.linalg.eigvalsh(g).min() > -1e-12


def test_batch_equals_loop_in_any_memory_format():
    together = gram_matrix(FEATURES.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(together, torch.cat([gram_matrix(f[None]) for f in FEATURES]))


@pytest.mark.parametrize(
    ("dtype", "expected", "rtol"),
    [(torch.float64, torch.float64, 0), (torch.float32, torch.float32, 1e-5), (torch.bfloat16, torch.float32, 2e-2)],
)
def test_accumulates_in_float32_or_better(dtype, expected, rtol):
    g = gram_matrix(FEATURES.to(dtype))
    assert g.dtype == expected
    torch.testing.assert_close(g.double(), gram_matrix(FEATURES), rtol=rtol, atol=rtol * 0.2)


def test_autocast_does_not_touch_it():
    features = FEATURES.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(gram_matrix(features), gram_matrix(features))
        assert gram_matrix(features).dtype == torch.float32
        autocast = gram_matrix(features)
    assert torch.equal(autocast, gram_matrix(features))


def test_gradient(device):
    x = FEATURES[:2, :3].to(device).requires_grad_()
    assert torch.autograd.gradcheck(gram_matrix, x)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_patch_gram_against_its_definition(size):
    x = torch.rand(2, 3, 9, 8, dtype=torch.float64)
    patches = np.lib.stride_tricks.sliding_window_view(x.numpy(), (size, size), axis=(2, 3))
    vectors = patches.transpose(0, 1, 4, 5, 2, 3).reshape(2, 3 * size**2, -1)
    expected = np.einsum("nik,njk->nij", vectors, vectors) / vectors.shape[2]
    np.testing.assert_allclose(patch_gram(x, size, "hw"), expected, rtol=1e-12)
    np.testing.assert_allclose(patch_gram(x, size), expected / (3 * size**2), rtol=1e-12)


def test_patch_gram_of_single_pixels_is_the_gram_of_the_image():
    x = torch.rand(2, 3, 9, 8)
    torch.testing.assert_close(patch_gram(x, 1), gram_matrix(x))


def test_l1_norm_is_the_mean_of_absolute_entries_and_has_a_finite_gradient_at_zero():
    a = torch.randn(2, 3, 3, dtype=torch.float64)
    np.testing.assert_allclose(l1_norm(a), np.abs(a.numpy()).reshape(2, -1).mean(1))
    zero = torch.zeros(2, 3, 3, requires_grad=True)
    l1_norm(zero).sum().backward()
    assert torch.equal(zero.grad, torch.zeros(2, 3, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gram_matrix(FEATURES, "c"), "normalize must be one of chw, hw; got 'c'"),
        (lambda: gram_matrix(FEATURES[0]), r"shape \(N, C, H, W\) with no empty side, got \(5, 6, 7\)"),
        (lambda: gram_matrix(FEATURES[..., :0]), r"got \(3, 5, 6, 0\)"),
        (lambda: gram_matrix(FEATURES.to(torch.complex64)), "features must be a float tensor, got torch.complex64"),
        (lambda: gram_matrix(FEATURES.int()), "features must be a float tensor, got torch.int32"),
        (lambda: gram_matrix(FEATURES > 0), "features must be a float tensor, got torch.bool"),
        (lambda: gram_matrix(FEATURES.to_sparse()), "features must be a dense tensor, got torch.sparse_coo"),
        *(
            (lambda s=s: patch_gram(torch.rand(1, 3, 8, 8), s), f"size must be an integer of at least 1, got {s!r}")
            for s in (0, -1, 3.0, "3", None, True)
        ),
        (lambda: patch_gram(torch.rand(1, 3, 8, 8), 3, "c"), "normalize must be one of chw, hw; got 'c'"),
        (lambda: l1_norm(FEATURES), r"matrices must have shape \(N, C, C\) with no empty side, got \(3, 5, 6, 7\)"),
        (lambda: l1_norm(FEATURES[:, 0]), r"matrices must have shape .*, got \(3, 6, 7\)"),
        (lambda: l1_norm(FEATURES[0, :2, :2]), r"matrices must have shape .*, got \(2, 2, 7\)"),
        (lambda: l1_norm(FEATURES[0, 0]), r"matrices must have shape .*, got \(6, 7\)"),
        (lambda: l1_norm(torch.rand(2, 0, 0)), r"matrices must have shape .*, got \(2, 0, 0\)"),
        (
            lambda: l1_norm(torch.ones(2, 3, 3).to(torch.complex64)),
            "matrices must be a float tensor, got torch.complex",
        ),
        (lambda: l1_norm(torch.ones(2, 3, 3, dtype=torch.int32)), "matrices must be a float tensor, got torch.int32"),
        (lambda: l1_norm(torch.ones(2, 3, 3).to_sparse()), "matrices must be a dense tensor, got torch.sparse_coo"),
        (lambda: patch_gram(torch.rand(1, 3, 8, 8).to_sparse(), 3), "x must be a dense tensor, got torch.sparse_coo"),
        (
            lambda: patch_gram(torch.rand(1, 3, 8, 10), 9),
            "x is 8×10 pixels, too small for patches of 9×9: the smallest image that works is 9×9",
        ),
        (lambda: patch_gram(torch.rand(1, 1, 8, 8), 3), r"\(N, 3, H, W\)"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("wrong", [FEATURES.numpy(), [1.0], None, 3])
def test_refuses_what_is_no_tensor(wrong):
    got = type(wrong).__name__
    with pytest.raises(TypeError, match=rf"features must be a torch.Tensor of shape \(N, C, H, W\), got {got}"):
        gram_matrix(wrong)
    with pytest.raises(TypeError, match=rf"x must be a torch.Tensor of shape \(N, 3, H, W\), got {got}"):
        patch_gram(wrong, 3)
    with pytest.raises(TypeError, match=rf"matrices must be a torch.Tensor of shape \(N, C, C\), got {got}"):
        l1_norm(wrong)


def test_what_is_not_a_number_is_seen():
    features = FEATURES.clone()
    features[1, 2, 3, 4] = float("nan")
    assert gram_matrix(features).isnan().any(dim=(1, 2)).tolist() == [False, True, False]
    assert l1_norm(gram_matrix(features)).isnan().tolist() == [False, True, False]


def test_norms_of_short_types_are_accumulated_in_float32():
    matrices = torch.rand(2, 64, 64).half()
    assert torch.equal(l1_norm(matrices), l1_norm(matrices.float()))


def test_second_derivatives():
    features = torch.rand(2, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(gram_matrix, features)
