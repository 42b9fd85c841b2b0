"""The images and labels of Fashion-MNIST (Debian package dataset-fashion-mnist), and .ivecs files."""

import gzip
import os

import numpy as np

FOLDER = os.environ.get("TESSERA_DEMO_DATA", "/usr/share/datasets/fashion-mnist")
NAMES = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def images(part):
    """part: "train" or "t10k"; uint8 [n, 784]."""
    with gzip.open(os.path.join(FOLDER, f"{part}-images-idx3-ubyte.gz")) as file:
        data = file.read()
    return np.frombuffer(data, np.uint8, offset=16).reshape(int.from_bytes(data[4:8], "big"), -1)


def labels(part):
    with gzip.open(os.path.join(FOLDER, f"{part}-labels-idx1-ubyte.gz")) as file:
        return np.frombuffer(file.read(), np.uint8, offset=8)


def read_ivecs(path):
    """int32 [n, k]; each row in the file is its length, then its values."""
    raw = np.fromfile(path, "<i4")
    if raw.size == 0 or raw[0] <= 0 or raw.size % (raw[0] + 1) or (raw[:: raw[0] + 1] != raw[0]).any():
        raise SystemExit(f"{path} is not an .ivecs file of rows of one length")
    return raw.reshape(-1, raw[0] + 1)[:, 1:]
