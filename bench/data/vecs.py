"""The -vecs files of TEXMEX, written and read by blocks of rows: each row is an int32 dim and dim items."""

import numpy as np

ITEMS = {"fvecs": np.dtype("<f4"), "ivecs": np.dtype("<i4"), "bvecs": np.dtype("u1")}


def item_type(path):
    ending = str(path).rsplit(".", 1)[-1]
    if ending not in ITEMS:
        raise ValueError(f"{path}: expected a name ending in {', '.join(ITEMS)}")
    return ITEMS[ending]


def row_type(item, dim):
    return np.dtype([("dim", "<i4"), ("items", item, (dim,))])


class Writer:
    """Appends blocks of rows; the ending of the name chooses the item type."""

    def __init__(self, path):
        self.item = item_type(path)
        self.file = open(path, "wb")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, block):
        rows = np.empty(len(block), row_type(self.item, block.shape[1]))
        rows["dim"] = block.shape[1]
        rows["items"] = block
        rows.tofile(self.file)


def write(path, matrix, block=65536):
    with Writer(path) as out:
        for begin in range(0, len(matrix), block):
            out.write(matrix[begin:begin + block])


def read(path):
    """rows x dim, mapped from the file, not copied."""
    dim = int(np.fromfile(path, "<i4", 1)[0])
    return np.memmap(path, row_type(item_type(path), dim), "r")["items"]
