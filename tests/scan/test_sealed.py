import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dsd.scan.sealed import is_intact, write_sealed


@pytest.fixture
def sealed(tmp_path):
    tables = (pa.table({"path": [f"{unit}"] * (unit + 1), "score": [0.5] * (unit + 1)}) for unit in range(3))
    write_sealed(tmp_path / "a.parquet", tables, {"dsd": "{}"})
    return tmp_path / "a.parquet"


def test_is_a_parquet_file_with_a_row_group_for_each_table(sealed):
    assert is_intact(sealed)
    file = pq.ParquetFile(sealed)
    assert file.schema_arrow.metadata[b"dsd"] == b"{}"
    assert [file.read_row_group(number)["path"].to_pylist() for number in range(3)] == [["0"], ["1"] * 2, ["2"] * 3]


def test_any_flipped_bit_is_noticed(sealed):
    content = sealed.read_bytes()
    with sealed.open("r+b", buffering=0) as file:
        for at in range(len(content)):
            for flipped in (1 << at % 8, 0):
                file.seek(at)
                file.write(bytes([content[at] ^ flipped]))
                assert is_intact(sealed) == (not flipped)


def test_what_is_cut_or_longer_or_something_else_is_noticed(sealed):
    content = sealed.read_bytes()
    for other in (b"", b"?", b"notes", content[:-1], content[:50], content[1:], content + b"a", content * 2):
        sealed.write_bytes(other)
        assert not is_intact(sealed)
