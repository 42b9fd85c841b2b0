"""The quantizers that are compared, from 1 bit to 32 bits a dimension, for a data set's dimension and metric."""

SIZES = (8, 16, 32, 64)  # bytes a vector, codes and corrections, at which all are compared


def family(spec):
    """Name of the code in a spec, as a reader would group them: PQ 8 bit, OPQ, RaBitQ, ..."""
    parts = spec.split(",")
    before = [part for part in parts if part in ("OPQ", "RR") or part.startswith(("PCA", "MRL"))]
    code = next(part for part in parts if part not in before
                and not part.startswith(("IVF", "Refine", "Aniso", "FT")))
    after = [part for part in parts if part in ("Aniso", "FT")]
    letters = code.rstrip("0123456789x+")
    if letters in ("PQ", "OPQ"):
        bits = code.split("x", 1)[1] if "x" in code else "8"
        letters = f"{letters} {bits} bit"
    elif letters.startswith(("SQ", "RaBitQ", "FP", "BF", "Binary")):
        letters = code
    return ", ".join([*before, letters, *after])


def at_size(lists, size, dim):
    """Specs of at most `size` bytes a vector with their correction, for a comparison at equal bytes.

    Table codes bring one byte of correction, records bring theirs themselves.
    """
    m = min(size - 1, dim)
    specs = [f"{lists},PQ{m}x8", f"OPQ,{lists},PQ{m}x8", f"{lists},PQ{min(2 * m, dim)}x4"]
    if size <= 16:
        specs += [f"{lists},RQ{m}x8", f"{lists},MPQ{m}"]
    splits = {8: ((1, 7),), 16: ((3, 5), (5, 3)), 32: ((6, 5), (10, 3)), 64: ((9, 7), (21, 3))}[size]
    specs += [f"{lists},PRQ{s}x{stages}x8" for s, stages in splits]
    specs += [f"OPQ,{lists},PRQ{s}x{stages}x8" for s, stages in splits if s > 1]
    if dim > 256:  # with dimensions to spare
        specs.append(f"PCA128,OPQ,{lists},PQ{m}x8")
    return specs


def ladder(lists, dim, metric):
    """All of the family, by ascending bytes; a refine code where rerank is to be shown."""
    eighth = [max(2, dim * bits // 64) for bits in (8, 16, 32)]  # PQ codes of 1, 2 and 4 bits a dimension
    specs = []
    for m in eighth:
        specs += [f"{lists},PQ{m}x8,Refine(SQ8)", f"OPQ,{lists},PQ{m}x8,Refine(SQ8)", f"RR,{lists},PQ{m}x8",
                  f"{lists},PQ{m}x4+4", f"{lists},PQ{min(dim, m * 4 // 3)}x6",
                  f"{lists},PQ{min(dim, 2 * m)}x4,Refine(SQ8)", f"{lists},PQ{min(dim, 4 * m)}x2", f"{lists},MPQ{m}"]
    small = eighth[0]
    specs += [f"{lists},RQ{min(small, 16)}x8", f"{lists},PRQ{max(1, small // 4)}x4x8,Refine(SQ8)",
              f"{lists},PRQ{max(1, small // 2)}x2x8"]
    if metric != "l2":
        specs.append(f"{lists},PQ{eighth[0]}x8,Aniso")
    specs += [f"{lists},RaBitQ{bits}" for bits in range(1, 9)]
    if dim > 256:
        specs += [f"PCA128,{lists},RaBitQ1", f"PCA256,{lists},RaBitQ2"]
    specs += [f"{lists},{code}" for code in ("SQ4", "SQ6", "SQ8", "SQ8A", "SQ4S", "SQ6S", "SQ8S", "SQ8E", "Binary",
                                             "BF16", "FP16")]
    specs += [f"{lists},PQ{eighth[1]}x8,Refine({code})" for code in ("SQ4", "FP16")]
    for size in SIZES:
        specs += at_size(lists, size, dim)
    return list(dict.fromkeys(specs))


def quick(lists, dim, metric):
    """Few, for a look and for tests."""
    del metric
    m = max(2, dim // 16)
    return [f"{lists},PQ{m}x8,Refine(SQ8)", f"OPQ,{lists},PQ{m}x8", f"{lists},PQ{2 * m}x4,Refine(SQ8)"]


def rivals(size, dim):
    """Faiss' codes of `size` bytes a vector, which have no correction; see ../peers/faiss_codes.py."""
    specs = [f"PQ{size}x8", f"OPQ{size}x8"]
    if 2 * size <= dim:
        specs.append(f"PQ{2 * size}x4")
    specs += [f"PRQ{size // stages}x{stages}x8" for stages in (8, 4, 2) if size // stages >= 2]
    if size <= 16 or dim <= 128 and size <= 32:
        specs.append(f"RQ{size}x8")
    return specs
