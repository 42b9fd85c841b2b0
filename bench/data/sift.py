"""SIFT descriptors of the photographs and drawings in Debian packages: integers 0..255 in 128 dimensions.

apt-get install python3-numpy python3-opencv. Packages are fetched with `apt-get download` (0.8 GB) and
unpacked, not installed. Steps: every image of at least 200 pixels a side, grey, at most 1,600 pixels a
side; near duplicates (16 x 16 difference hash, at most 24 of 256 bits apart) dropped, the larger kept;
cv2.SIFT_create() with its defaults, at most 4,000 descriptors an image; 5 % of the images give the
queries and nothing else, the others the base; rows drawn and mixed by default_rng(42).
"""

import concurrent.futures
import pathlib
import re
import subprocess
import zipfile
import zlib

import numpy as np

PACKAGES = ("plasma-workspace-wallpapers mate-backgrounds ukui-wallpapers lomiri-wallpapers-16.04 "
            "lomiri-wallpapers-20.04 gnome-backgrounds stellarium-data opencv-doc python3-skimage "
            "tuxpaint-stamps-default gcompris-qt-data").split()
IMAGE = re.compile(r"\.(jpe?g|png|webp|tiff?)$", re.I)
# Diagrams, icons, calibration patterns, pictures of programs.
NO_PHOTOGRAPH = re.compile(r"/opencv4/html/|/(icons|pixmaps|skycultures|symbols|screenshots?)/|/doc/HTML"
                           r"|chessboard|checkerboard|aruco|charuco", re.I)
MOST_AN_IMAGE = 4000
LARGEST_SIDE = 1600
SMALLEST_SIDE = 200
LEAST_DESCRIPTORS = 50
SAME_BITS = 24


def unpack(package, cache):
    folder = cache / "img" / package
    if not folder.is_dir():
        debs = cache / "debs"
        debs.mkdir(parents=True, exist_ok=True)
        if not list(debs.glob(f"{package}_*.deb")):
            subprocess.run(["apt-get", "download", package], cwd=debs, check=True)
        deb = next(iter(debs.glob(f"{package}_*.deb")))
        folder.parent.mkdir(exist_ok=True)  # dpkg-deb makes the last folder only
        subprocess.run(["dpkg-deb", "-x", deb, folder], check=True)
    return folder


def find_images(folder):
    """(path, member of a zip or None, offset, bytes or None) of each image, in a fixed order."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
        name = "/" + str(path.relative_to(folder))
        if NO_PHOTOGRAPH.search(name):
            continue
        if IMAGE.search(name):
            yield path, None, 0, None
        elif path.suffix == ".zip":
            for member in sorted(zipfile.ZipFile(path).namelist()):
                if IMAGE.search(member):
                    yield path, member, 0, None
        elif path.suffix == ".rcc":  # Qt's resources: WebP files one after another
            for found in re.finditer(b"RIFF(....)WEBP", path.read_bytes(), re.S):
                yield path, None, found.start(), 8 + int.from_bytes(found.group(1), "little")


def decode(image):
    import cv2
    path, member, offset, length = image
    data = zipfile.ZipFile(path).read(member) if member else path.read_bytes()
    data = data[offset:offset + length] if length else data
    grey = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if grey is None or min(grey.shape) < SMALLEST_SIDE:
        return None
    scale = LARGEST_SIDE / max(grey.shape)
    return cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else grey


def describe(image):
    """(pixels, 256 bits of a hash, descriptors as bytes), or None."""
    import cv2
    cv2.setNumThreads(1)
    try:
        grey = decode(image)
    except (cv2.error, OSError, zipfile.BadZipFile):
        return None
    if grey is None:
        return None
    small = cv2.resize(grey, (17, 16), interpolation=cv2.INTER_AREA).astype(int)
    found = cv2.SIFT_create().detectAndCompute(grey, None)[1]
    if found is None or len(found) < LEAST_DESCRIPTORS:
        return None
    if len(found) > MOST_AN_IMAGE:
        seed = zlib.crc32(repr((image[0].name,) + image[1:]).encode())
        found = found[np.sort(np.random.default_rng(seed).permutation(len(found))[:MOST_AN_IMAGE])]
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    return grey.size, bits, np.clip(np.rint(found), 0, 255).astype(np.uint8)


def distinct(described):
    """Without near duplicates; in the order given."""
    kept, hashes = [], np.zeros((0, 256), bool)
    for i in sorted(range(len(described)), key=lambda i: (-described[i][0], i)):
        bits = described[i][1]
        if len(hashes) and (hashes != bits).sum(1).min() <= SAME_BITS:
            continue
        kept.append(i)
        hashes = np.vstack([hashes, bits])
    return [described[i] for i in sorted(kept)]


def make(rows, query_rows, cache, packages=PACKAGES):
    """(base, queries), uint8."""
    images = [image for package in packages for image in find_images(unpack(package, cache))]
    with concurrent.futures.ProcessPoolExecutor() as pool:
        described = [d for d in pool.map(describe, images, chunksize=4) if d is not None]
    described = distinct(described)
    rng = np.random.default_rng(42)
    order = rng.permutation(len(described))
    held_out = max(1, len(described) // 20)

    def draw(chosen, count, name):
        found = np.concatenate([described[i][2] for i in chosen])
        if len(found) < count:
            raise SystemExit(f"{name}: {count} rows asked for, the images give {len(found)}")
        return found[rng.permutation(len(found))[:count]]

    queries = draw(order[:held_out], query_rows, "queries")
    return draw(order[held_out:], rows, "base"), queries
