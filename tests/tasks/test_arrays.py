"""npz files of any damage: an error that names file and array, never a traceback."""

import io
import zipfile

import numpy as np
import pytest

from stability_gap.errors import UserError
from stability_gap.tasks.arrays import read_arrays


def write_promising(path, shape: tuple[int, ...]) -> None:
    """An npz file whose array 'x' has this shape by its header and four bytes by its content."""
    header = io.BytesIO()
    np.lib.format.write_array_header_2_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header.getvalue() + b"abcd")


@pytest.mark.parametrize("shape", [(10**12,), (10**18,), (2**62, 2**62), (5,), (10**5, 10**5, 10**4)])
def test_a_header_that_promises_more_than_there_is(tmp_path, shape):
    write_promising(tmp_path / "a.npz", shape)
    with pytest.raises(UserError, match=r"a\.npz: array 'x' (cannot be read|does not fit into memory)"):
        read_arrays(tmp_path / "a.npz")


def test_every_bit_of_an_npz_file_may_flip(tmp_path):
    np.savez(tmp_path / "whole.npz", x=np.arange(20, dtype=np.uint8), names=np.array(["a", "bc"]))
    content, whole = (tmp_path / "whole.npz").read_bytes(), read_arrays(tmp_path / "whole.npz")
    refused = 0
    for bit in range(0, 8 * len(content), 7):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        (tmp_path / "a.npz").write_bytes(damaged)
        try:
            arrays = read_arrays(tmp_path / "a.npz")
        except UserError as error:
            refused += "a.npz" in str(error)
        else:
            assert all(np.array_equal(array, whole[name]) for name, array in arrays.items() if name in whole)
    assert refused > 300
