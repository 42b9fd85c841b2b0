"""Reads what the demo measured, prints it, holds it against the demo's promises and renders the page."""

import argparse
import json
import os
import platform
import subprocess
import sys

import numpy as np

import demo_data
import demo_page

MIN_RECALL_CODES, MAX_CODE_BYTES = 0.70, 64
MIN_RECALL_RERANKED, MAX_MIRROR_BYTES = 0.97, 900
COMPONENTS = {
    "codes": "product codes", "corrections": "correction byte", "refine": "refine codes, 8 bits a dimension",
    "row_ids": "row ids", "external_ids": "external ids", "padding": "padding of blocks and pages",
    "headers": "headers of chunks and lists", "centroids": "centroids of the lists", "model": "codebooks",
    "payload_index": "index of payloads", "filters": "rows that recent filters let through",
}
TIERS = {"none": "codes alone", "refine": "codes, then refine codes in memory",
         "raw": "codes, then raw vectors on disk"}


def mib(count):
    return f"{count / 2**20:,.0f} MiB"


def gather(before, after):
    """The report: figures of both evaluations in one dictionary."""
    stats, rows = after["stats"], after["stats"]["rows"]
    results = [{"name": TIERS[r["params"]["rerank"]], **r} for r in after["results"]]
    exact = {"name": "every raw vector, before training", **before["results"][0]}
    memory = [(COMPONENTS.get(name, name), count / rows) for name, count in stats["memory"].items()
              if name != "total" and count]
    memory.sort(key=lambda item: -item[1])
    return {
        "rows": rows, "queries": after["queries"], "dim": after["collection"]["dim"],
        "quantizer": stats["quantizer"], "nprobe": results[0]["params"]["nprobe"], "nlist": stats["nlist"],
        "isa": stats["isa"], "cores": len(os.sched_getaffinity(0)),
        "raw_bytes": 4 * after["collection"]["dim"], "code_bytes": round(stats["memory"]["codes"] / rows),
        "mirror_bytes": stats["memory"]["total"] / rows, "memory": memory,
        "results": results + [exact], "definition": after["recall_definition"].split("\n")[0],
        "process": f"The whole server process holds {mib(stats['process_resident_bytes'])} resident, "
                   f"{stats['process_resident_bytes'] / rows:,.0f} bytes a vector: the mirror's "
                   f"{mib(stats['memory']['total'])}, RocksDB's block cache and memtables, its threads and "
                   f"the program itself. Its peak was {mib(stats['process_peak_resident_bytes'])}. "
                   f"On disk: {mib(stats['disk_bytes'])}, the raw 8-bit vectors included.",
    }


def print_report(report):
    print(f"\n  {report['rows']:,} vectors x {report['dim']}, {report['quantizer']}, kernels {report['isa']}, "
          f"{report['cores']} cores\n  {report['queries']:,} queries, nprobe {report['nprobe']} of "
          f"{report['nlist']} lists\n")
    print(f"  {'search':<36}{'recall@10':>10}{'queries/s':>11}{'p50 us':>9}{'p99 us':>9}")
    for r in report["results"]:
        print(f"  {r['name']:<36}{r['recall']:>10.4f}{r['qps']:>11,.0f}{r['p50_us']:>9,.0f}{r['p99_us']:>9,.0f}")
    print(f"\n  {report['definition']}\n")
    print(f"  {'resident bytes a vector':<36}{'bytes':>10}{'of raw':>11}")
    for name, count in report["memory"]:
        print(f"  {name:<36}{count:>10.2f}{count / report['raw_bytes']:>11.2%}")
    print(f"  {'the mirror in all':<36}{report['mirror_bytes']:>10.2f}"
          f"{report['mirror_bytes'] / report['raw_bytes']:>11.2%}")
    print(f"  {'raw vectors, 32-bit floats':<36}{report['raw_bytes']:>10.2f}{1:>11.2%}\n\n"
          f"  {report['process']}\n")


def broken_promises(report):
    codes, reranked = report["results"][0], report["results"][1]
    if report["code_bytes"] > MAX_CODE_BYTES:
        yield f"a code takes {report['code_bytes']} bytes, more than {MAX_CODE_BYTES}"
    if codes["recall"] < MIN_RECALL_CODES:
        yield f"recall@10 from codes alone is {codes['recall']:.4f}, below {MIN_RECALL_CODES:.2f}"
    if reranked["recall"] < MIN_RECALL_RERANKED:
        yield f"recall@10 with rerank is {reranked['recall']:.4f}, below {MIN_RECALL_RERANKED:.2f}"
    if report["mirror_bytes"] > MAX_MIRROR_BYTES:
        yield f"the mirror takes {report['mirror_bytes']:.1f} bytes a vector, more than {MAX_MIRROR_BYTES}"


def examples(arguments, truth, data):
    """The first test image of each class and the two that follow, as the command line finds their neighbours."""
    chosen = [int(np.argmax(data["query_labels"] == c)) for c in range(len(demo_data.NAMES))]
    chosen += [i for i in range(100) if i not in chosen][:2]
    out = []
    for row in chosen:
        answer = subprocess.run(
            [arguments.tessera, "--server", arguments.server, "query", "demo", "--file", arguments.queries,
             "--row", str(row), "-k", "5", "--nprobe", str(arguments.nprobe), "--rerank", "refine:100",
             "--json"], check=True, capture_output=True, text=True).stdout
        out.append({"query": row, "exact": set(truth[row][:5].tolist()), "hits": json.loads(answer)["hits"]})
    return out


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("tessera", "server", "queries", "before", "after", "truth", "page"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--nprobe", required=True, type=int)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    with open(arguments.before, encoding="utf-8") as file:
        before = json.load(file)
    with open(arguments.after, encoding="utf-8") as file:
        after = json.load(file)
    report = gather(before, after)
    print_report(report)

    data = {"base": demo_data.images("train"), "queries": demo_data.images("t10k"),
            "base_labels": demo_data.labels("train"), "query_labels": demo_data.labels("t10k")}
    report["examples"] = examples(arguments, demo_data.read_ivecs(arguments.truth), data)
    report["method"] = (
        f"A server was started on an empty directory, the {report['rows']:,} training images of Fashion-MNIST "
        f"were loaded through the command line, and every one of the {report['queries']:,} test images was "
        "answered exactly, before training and after; NumPy computed the same answers independently. Then "
        f"{report['quantizer']} was trained and the searches above were measured by tessera eval, on this "
        f"machine ({report['cores']} cores, kernels {report['isa']}, {platform.system()} {platform.machine()}): "
        "throughput in batches of 1,000 from one client, latency one query at a time as the client sees it, "
        "server and client sharing the cores.")
    report["footer"] = ("Images: Fashion-MNIST by Zalando Research, MIT licence, from the Debian package "
                        "dataset-fashion-mnist. Distances are Euclidean, over pixels of 0 to 255.")
    demo_page.render(report, data, arguments.page)

    broken = list(broken_promises(report))
    if broken:
        sys.exit("demo: " + "; ".join(broken))


if __name__ == "__main__":
    main()
