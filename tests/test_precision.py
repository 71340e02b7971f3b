"""Full precision: on inside, the caller's settings afterwards; from several threads, in backward passes, at a fork."""

import multiprocessing
import sys
import threading
from contextlib import contextmanager

import pytest
import torch

from dsd.precision import full_precision

SETTINGS = {
    "convolutions on GPUs": torch.backends.cudnn.conv,
    "products on GPUs": torch.backends.cuda.matmul,
    "convolutions on CPUs": torch.backends.mkldnn.conv,
    "products on CPUs": torch.backends.mkldnn.matmul,
}
FULL = dict.fromkeys(SETTINGS, "ieee")


def settings():
    return {name: setting.fp32_precision for name, setting in SETTINGS.items()}


@contextmanager
def callers(setting):
    """What the process allows, whatever it was before."""
    before = torch.backends.fp32_precision
    torch.backends.fp32_precision = setting
    try:
        yield
    finally:
        torch.backends.fp32_precision = before


@pytest.mark.parametrize("setting", ["none", "tf32", "ieee"])
def test_is_on_inside_and_the_callers_settings_come_back(setting):
    with callers(setting):
        before = settings()
        with full_precision():
            assert settings() == FULL
            with full_precision():
                assert settings() == FULL
            assert settings() == FULL
        assert settings() == before


def test_one_that_asks_for_less_on_its_own_comes_back():
    own = torch.backends.mkldnn.matmul
    before = own.fp32_precision
    own.fp32_precision = "bf16"  # what torch.set_float32_matmul_precision("medium") does
    try:
        with full_precision():
            assert settings() == FULL
        assert own.fp32_precision == "bf16"
    finally:
        own.fp32_precision = before


def test_what_followed_the_process_follows_it_again():
    with callers("tf32"):
        with full_precision():
            pass
        torch.backends.fp32_precision = "ieee"
        assert torch.backends.cuda.matmul.fp32_precision == torch.backends.mkldnn.conv.fp32_precision == "ieee"


def test_exceptions_bring_the_settings_back():
    before = settings()
    with pytest.raises(KeyboardInterrupt), full_precision(), full_precision():
        raise KeyboardInterrupt
    assert settings() == before
    with full_precision():
        assert settings() == FULL
    assert settings() == before


def test_autocast_is_off_inside_and_on_afterwards():
    a = torch.rand(4, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with full_precision():
            assert (a @ a).dtype == torch.float32
            with torch.autocast("cpu", dtype=torch.float16):  # one that is asked for inside is taken as meant
                assert (a @ a).dtype == torch.float16
        assert (a @ a).dtype == torch.bfloat16


def test_threads_come_and_go_and_lose_nothing():
    """The first one in sets, the last one out restores, whatever the order."""
    outside, wrong = {}, []

    def work(barrier):
        for _ in range(200):
            barrier.wait()
            with full_precision():
                for _ in range(3):
                    with full_precision():
                        if settings() != FULL:
                            wrong.append(settings())
            barrier.wait()
            if settings() != outside:
                wrong.append(settings())

    with callers("tf32"):
        outside |= settings()
        assert outside != FULL
        barrier = threading.Barrier(4)
        threads = [threading.Thread(target=work, args=(barrier,)) for _ in range(4)]
        switch = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(switch)
        assert not wrong
        assert settings() == outside


def test_a_thread_that_leaves_does_not_take_it_from_another():
    inside, leave = threading.Event(), threading.Event()

    def stay():
        with full_precision():
            inside.set()
            leave.wait()

    before = settings()
    thread = threading.Thread(target=stay)
    with full_precision():
        thread.start()
        inside.wait()
    assert settings() == FULL
    leave.set()
    thread.join()
    assert settings() == before


def test_backward_passes_inside_it_run_in_it():
    seen = []
    x = torch.rand(1, 3, 8, 8, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16), full_precision():
        y = torch.nn.functional.conv2d(x, torch.rand(2, 3, 3, 3))
        y.register_hook(lambda gradient: seen.append((settings(), torch.is_autocast_enabled("cpu"))))
        y.sum().backward()
    assert seen == [(FULL, False)]


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="processes cannot be forked here")
def test_processes_forked_while_threads_use_it_can_use_it():
    stop = threading.Event()

    def work():
        while not stop.is_set():
            with full_precision():
                pass

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            process = multiprocessing.get_context("fork").Process(target=enter)
            process.start()
            process.join(20)
            assert process.exitcode == 0, "it waits for a lock that a thread of its parent held"
    finally:
        process.kill()
        stop.set()
        for thread in threads:
            thread.join()


def enter():
    with full_precision():
        pass
