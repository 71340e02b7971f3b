import torchvision

from dsd.versions import torchvision_version


def test_is_torchvisions_own():
    assert torchvision_version() == torchvision.__version__
