"""Renders the demo's report as one HTML file that needs no network and no other file."""

import base64
import html
import os
import string
import struct
import zlib

import demo_data

COLOURS = ("--c1", "--c3", "--c2", "--c4")


def png(pixels):
    """A data: address of a 28 x 28 image, dark on white."""
    rows = b"".join(b"\0" + bytes(255 - int(p) for p in row) for row in pixels.reshape(28, 28))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    data = (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")


def picture(pixels, name, caption, kind=""):
    return (f'<figure class="{kind}"><img class="image" alt="{html.escape(name)}" src="{png(pixels)}">'
            f"<figcaption><b>{html.escape(name)}</b>{html.escape(caption)}</figcaption></figure>")


def cards(examples, data):
    out = []
    for example in examples:
        row = example["query"]
        label = data["query_labels"][row]
        parts = [picture(data["queries"][row], demo_data.NAMES[label], f"query {row:,}", "query")]
        for hit in example["hits"]:
            other = data["base_labels"][hit["id"]]
            kind = ("" if other == label else "other ") + ("" if hit["id"] in example["exact"] else "missed")
            parts.append(picture(data["base"][hit["id"]], demo_data.NAMES[other],
                                 f"{hit['score'] ** 0.5:,.0f} away", kind.strip()))
        out.append(f'<div class="card">{"".join(parts)}</div>')
    return "".join(out)


def rows(head, body, last_is_total=False):
    """A table's inside; cells may hold markup."""
    out = "<tr>" + "".join(f"<th>{h}</th>" for h in head) + "</tr>"
    for i, cells in enumerate(body):
        total = ' class="total"' if last_is_total and i == len(body) - 1 else ""
        out += f"<tr{total}>" + "".join(f"<td>{c}</td>" for c in cells) + "</tr>"
    return out


def figures(report):
    best = report["results"]
    items = [
        (f"{best[0]['recall']:.3f}", "recall@10 from codes alone"),
        (f"{best[1]['recall']:.3f}", "recall@10 with refine codes, all in memory"),
        (f"{report['raw_bytes'] / report['mirror_bytes']:.1f}x",
         f"less memory: {report['mirror_bytes']:,.0f} bytes for {report['raw_bytes']:,}"),
        (f"{best[1]['qps']:,.0f}", f"queries a second on {report['cores']} cores"),
    ]
    return "".join(f'<div class="figure"><b>{b}</b><span>{s}</span></div>' for b, s in items)


def render(report, data, path):
    """report: what demo_report.py gathered; writes `path` whole or not at all."""
    raw = report["raw_bytes"]
    colour = {name: COLOURS[min(i, len(COLOURS) - 1)] for i, (name, _) in enumerate(report["memory"])}
    mirror_bar = "".join(f'<i style="width:{100 * b / raw:.3f}%;background:var({colour[n]})" title="{n}"></i>'
                         for n, b in report["memory"])
    hits = [(e, h) for e in report["examples"] for h in e["hits"]]
    same = sum(data["base_labels"][h["id"]] == data["query_labels"][e["query"]] for e, h in hits)
    true = sum(h["id"] in e["exact"] for e, h in hits)
    memory = [(f'<span class="key" style="background:var({colour[n]})"></span>{n}', f"{b:,.2f}", f"{b / raw:.2%}")
              for n, b in report["memory"]]
    memory.append(("the mirror in all", f"{report['mirror_bytes']:,.2f}", f"{report['mirror_bytes'] / raw:.2%}"))
    with open(os.path.join(os.path.dirname(__file__), "demo_page.html"), encoding="ascii") as file:
        page = string.Template(file.read())
    text = page.substitute(
        rows=f"{report['rows']:,}", queries=f"{report['queries']:,}", dim=report["dim"],
        code_bytes=report["code_bytes"], raw_bytes=f"{raw:,}", mirror_bytes=f"{report['mirror_bytes']:,.0f}",
        figures=figures(report), cards=cards(report["examples"], data),
        agreement=f"Of these {len(hits)} neighbours {true} are the true ones, and {same} are of the query's class.",
        definition=html.escape(report["definition"]),
        results=rows(("search", "recall@10", "queries/s", "p50", "p99"),
                     [(html.escape(r["name"]), f"{r['recall']:.4f}", f"{r['qps']:,.0f}",
                       f"{r['p50_us']:,.0f} us", f"{r['p99_us']:,.0f} us") for r in report["results"]]),
        bars=f'<span>raw</span><div class="bar"><i style="width:100%;background:var(--line)"></i></div>'
             f'<span>Tessera</span><div class="bar">{mirror_bar}</div>',
        memory=rows(("component", "bytes a vector", "of the raw"), memory, last_is_total=True),
        process=html.escape(report["process"]), method=html.escape(report["method"]),
        footer=html.escape(report["footer"]))
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path + ".tmp", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".tmp", path)
