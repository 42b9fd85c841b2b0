"""From the CSV files to charts and one self-contained HTML page: no script, style or picture of another file."""

import csv
import html
import pathlib
import subprocess

import specs

HERE = pathlib.Path(__file__).resolve().parent
TIERS = {"none": "codes alone", "refine": "refine codes", "raw": "raw vectors"}


class Column:
    """A column of the table of all specs: heading, meaning, value of a row (number, text or None), format."""

    def __init__(self, name, meaning, value, form="{}"):
        self.name, self.meaning, self.value, self.form = name, meaning, value, form

    def text(self, row):
        value = self.value(row)
        return "" if value is None else self.form.format(value)


def number(row, name):
    text = row.get(name) or ""
    return float(text) if text else None


def code_bytes(row):
    """Bytes a vector that a search reads: codes, corrections, and refine codes where they rerank."""
    if number(row, "bytes_codes") is None:
        return None
    names = ["bytes_codes", "bytes_corrections"] + (["bytes_refine"] if row["rerank"] == "refine" else [])
    return sum(number(row, name) or 0 for name in names)


def per_dimension(row):
    total = code_bytes(row)
    return None if total is None else 8 * total / float(row["dim"])


def compression(row):
    total = code_bytes(row)
    return 4 * float(row["dim"]) / total if total else None


def field(name):
    return lambda row: number(row, name)


COLUMNS = [
    Column("engine", "Program that was measured.", lambda row: row["engine"]),
    Column("quantizer", "Spec as asked for. IVF: inverted lists, codes of residuals. What follows is the code; "
           "README of the folder index has the grammar.", lambda row: row["asked"] or row["quantizer"]),
    Column("order by", "Form that orders the hits. Codes alone: nothing else is looked at. Refine codes: the first "
           "200 by codes are reordered by a finer code in memory. Raw vectors: they are reordered by the vectors as "
           "they were sent, from disk (on fewer queries).", lambda row: TIERS.get(row["rerank"], row["rerank"])),
    Column("bits / dim", "Bytes of the next column, in bits, divided by the dimensions of a vector.",
           per_dimension, "{:.2f}"),
    Column("bytes", "Bytes a vector that a search reads: codes and their corrections; with refine codes also these. "
           "Ids, padding and what is the same for all vectors (centroids, codebooks) are in the CSV.",
           code_bytes, "{:.1f}"),
    Column("compression", "Bytes of the vector as floats divided by the bytes of the column before.",
           compression, "{:.1f}x"),
    Column("recall@1", "Share of queries whose nearest neighbour is the first hit.", field("first_at_1"), "{:.4f}"),
    Column("recall@10", "Of the true 10 nearest, the share among the first 10 hits; mean over queries.",
           field("recall_at_10"), "{:.4f}"),
    Column("recall@100", "The same with 100.", field("recall_at_100"), "{:.4f}"),
    Column("error", "Reconstruction error: mean squared distance of vectors to what their codes (without refine "
           "codes) decode to, divided by their mean squared distance to their mean. 0: nothing is lost, 1: nothing "
           "but the mean is known.", field("reconstruction_error"), "{:.4f}"),
    Column("QPS", "Queries a second, one query a call, one thread, wall time, median over rounds. Empty: speed was "
           "not measured (it needs a quiet machine).", field("qps_wall"), "{:,.0f}"),
    Column("train s", "Seconds to train and to encode all vectors. Tessera: wall clock, all cores, the whole "
           "collection; rivals: CPU time of one thread, without the lists.", field("train_seconds"), "{:.1f}"),
    Column("encode us", "CPU microseconds to encode one vector, one thread; Tessera's with the search for its list.",
           field("encode_us"), "{:.1f}"),
]

STYLE = """
:root{font:15px/1.45 system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;color:#1b1f24;background:#fff}
body{max-width:1180px;margin:0 auto;padding:1.2rem}
h1{font-size:1.6rem;margin:.2rem 0}h2{font-size:1.25rem;margin:2.2rem 0 .5rem;border-bottom:2px solid #0072b2}
h3{font-size:1.05rem;margin:1.4rem 0 .4rem}
p,dl{max-width:48rem}p.note,footer{color:#57606a;font-size:.88rem}
nav a{margin-right:1rem}a{color:#0072b2}
figure{margin:.6rem 0}figure svg{width:100%;max-width:860px;height:auto}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.86rem;font-variant-numeric:tabular-nums}
th,td{padding:.28rem .55rem;text-align:right;white-space:nowrap;border-bottom:1px solid #e4e7eb}
th.t,td.t{text-align:left}td.spec{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.82rem}
thead th{background:#f3f5f7;vertical-align:bottom;position:sticky;top:0}
table.sortable th{cursor:pointer;user-select:none}
th[aria-sort=ascending]:after{content:' \\25b2'}th[aria-sort=descending]:after{content:' \\25bc'}
tbody tr:hover{background:#f6faff}tr.best td{font-weight:600;background:#eaf5ee}
.buttons button{font:inherit;font-size:.85rem;margin:0 .3rem .5rem 0;padding:.2rem .7rem;border:1px solid #b8c0c8;
border-radius:1rem;background:#fff;cursor:pointer}.buttons button[aria-pressed=true]{background:#0072b2;color:#fff}
dt{font-weight:600;margin-top:.5rem}dd{margin:0 0 0 1rem}
pre{white-space:pre-wrap;word-break:break-word;font-size:.8rem;background:#f6f8fa;padding:.6rem;max-width:100%}
@media (max-width:640px){body{padding:.7rem}:root{font-size:14px}th,td{padding:.25rem .4rem}}
@media print{@page{size:A4 landscape;margin:10mm}:root{font-size:11px}h2,h3{break-after:avoid}body{max-width:none;padding:0}.buttons,nav{display:none}
.scroll{overflow:visible}table{font-size:7.5pt}td.spec{font-size:7pt}th,td{padding:.12rem .35rem}
thead{display:table-header-group}thead th{position:static}tr,figure{break-inside:avoid}tr[hidden]{display:table-row}
figure svg{max-width:170mm}}
"""

SCRIPT = """
for (const table of document.querySelectorAll('table.sortable')) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  const value = (row, at) => row.cells[at].dataset.value;
  heads.forEach((head, at) => {
    const sort = () => {
      const up = head.getAttribute('aria-sort') === 'descending';
      for (const other of heads) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const words = head.classList.contains('t');
      const compare = (a, b) => words ? a.localeCompare(b) : Number(a) - Number(b);
      const rows = [...body.rows].sort((a, b) => {
        const x = value(a, at), y = value(b, at);
        if (x === '' || y === '') return (x === '') - (y === '');  // what was not measured comes last
        return (up ? 1 : -1) * compare(x, y);
      });
      body.append(...rows);
    };
    head.tabIndex = 0;
    head.addEventListener('click', sort);
    head.addEventListener('keydown', event => { if (event.key === 'Enter') sort(); });
  });
}
for (const buttons of document.querySelectorAll('.buttons')) {
  const table = document.getElementById(buttons.dataset.table);
  for (const button of buttons.children) {
    button.addEventListener('click', () => {
      for (const other of buttons.children) other.setAttribute('aria-pressed', other === button);
      for (const row of table.tBodies[0].rows) {
        row.hidden = button.dataset.tier !== '' && row.dataset.tier !== button.dataset.tier;
      }
    });
  }
  buttons.children[0].click();
}
"""


def read(path):
    """(comment lines before the columns' meanings, rows) of a result file; nothing if there is none."""
    if not path.exists():
        return [], []
    with open(path, newline="", encoding="utf-8") as file:
        lines = file.readlines()
    comments = [line[1:].strip() for line in lines if line.startswith("#")]
    until = next((i for i, line in enumerate(comments) if line.startswith("engine: ")), len(comments))
    return comments[:until], list(csv.DictReader(line for line in lines if not line.startswith("#")))


def all_lists(rows):
    """Of each index and form of rerank the row that probes the most lists, the one with times if there are two."""
    best = {}
    for row in rows:
        key = (row["engine"], row["data"], row["asked"] or row["quantizer"], row["rerank"], row.get("note", ""))
        rank = (int(row["nprobe"] or 0), bool(row.get("qps_wall")))
        if key not in best or rank >= best[key][0]:
            best[key] = (rank, row)
    return [row for _, row in best.values()]


def cell(text, value=None, kind=""):
    sort = html.escape(str(text if value is None else value))
    named = f' class="{kind}"' if kind else ""
    return f'<td{named} data-value="{sort}">{html.escape(text)}</td>'


def table_of_all(data, rows):
    measured = [row for row in rows if number(row, "recall_at_10") is not None]
    measured.sort(key=lambda row: (code_bytes(row) or 0, row["engine"], row["asked"]))
    words = {"engine", "quantizer", "order by"}
    head = "".join(f'<th scope="col"{" class=t" if c.name in words else ""} title="{html.escape(c.meaning)}">'
                   f"{html.escape(c.name)}</th>" for c in COLUMNS)
    body = []
    for row in measured:
        cells = []
        for column in COLUMNS:
            text = column.text(row)
            if column.name in words:
                cells.append(cell(text, kind="t spec" if column.name == "quantizer" else "t"))
            else:
                value = column.value(row)
                cells.append(cell(text, "" if value is None else value))
        body.append(f'<tr data-tier="{row["rerank"]}">{"".join(cells)}</tr>')
    tiers = [tier for tier in TIERS if any(row["rerank"] == tier for row in measured)]
    buttons = "".join(f'<button type="button" data-tier="{tier}">{TIERS[tier]}</button>' for tier in tiers)
    return (f'<div class="buttons" data-table="all-{data}">{buttons}<button type="button" data-tier="">all</button>'
            f'</div><div class="scroll"><table class="sortable" id="all-{data}"><thead><tr>{head}</tr></thead>'
            f'<tbody>{"".join(body)}</tbody></table></div>{refused(rows)}')


def refused(rows):
    """Specs that could not be measured, with the reason."""
    reasons = [(row["asked"] or row["quantizer"], row["note"]) for row in rows
               if number(row, "recall_at_10") is None and row.get("note")]
    if not reasons:
        return ""
    items = "".join(f"<dt>{html.escape(spec)}</dt><dd>{html.escape(why)}</dd>" for spec, why in reasons)
    return f"<details><summary>{len(reasons)} specs could not be measured</summary><dl>{items}</dl></details>"


def method(row):
    name = specs.family(row["asked"] or row["quantizer"])
    return f'{"Tessera" if row["engine"] == "tessera" else row["engine"].capitalize()} {name}'


def at_equal_bytes(rows):
    """For each size: the best index of each method, chosen on other queries than the reported ones.

    An index belongs to the smallest size that its codes and corrections fit in, if they fill more than half.
    """
    out = {}
    for size in specs.SIZES:
        best = {}
        for row in rows:
            total = code_bytes(row)
            if row["rerank"] != "none" or number(row, "pick_recall_at_10") is None:
                continue
            if not size / 2 < total <= size:
                continue
            name = method(row)
            if name not in best or number(row, "pick_recall_at_10") > number(best[name], "pick_recall_at_10"):
                best[name] = row
        chosen = sorted(best.items(), key=lambda item: -number(item[1], "pick_recall_at_10"))
        if chosen:
            out[size] = chosen
    return out


def tables_at_equal_bytes(rows):
    parts = []
    for size, chosen in at_equal_bytes(rows).items():
        ours = next((row for name, row in chosen if row["engine"] == "tessera"), None)
        body = []
        for name, row in chosen:
            recall = number(row, "recall_at_10")
            less = "" if ours is None or row is ours else f"{100 * (recall - number(ours, 'recall_at_10')):+.1f}"
            body.append(f'<tr{" class=best" if row is ours else ""}>{cell(name, kind="t")}'
                        f'{cell(row["asked"] or row["quantizer"], kind="t spec")}{cell(f"{code_bytes(row):.1f}")}'
                        f'{cell(f"{recall:.4f}")}{cell(less)}{cell(row.get("note", ""), kind="t")}</tr>')
        parts.append(f'<h3>{size} bytes a vector</h3><div class="scroll"><table><thead><tr><th class=t>method</th>'
                     f"<th class=t>best index</th><th>bytes</th><th>recall@10</th><th>points to Tessera's best</th>"
                     f'<th class=t>note</th></tr></thead><tbody>{"".join(body)}</tbody></table></div>')
    return "".join(parts)


def chart(plot, files, data, kind, mode, out):
    """Draws `out` from the rows of `data`; its text, or none where no row has what the chart shows."""
    command = [plot, *files, "--fronts", "--data", data, "--mode", mode, f"--{kind}", out]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        if "no row has" not in done.stderr:
            raise RuntimeError(done.stderr)
        return None
    return out.read_text(encoding="utf-8")


def section(data, rows, files, plot, folder):
    first = next(row for row in rows if number(row, "recall_at_10") is not None)
    timed = any(row.get("qps_wall") for row in rows)
    mode = "single" if timed else "batch"
    figures = [("recall-bytes", "bytes"), *([("recall-speed", "speed")] if timed else [])]
    drawn = []
    for name, kind in figures:
        text = chart(plot, files, data, kind, mode, folder / f"{data}-{name}.svg")
        if text:
            drawn.append(f"<figure>{text}</figure>")
    equal = tables_at_equal_bytes(all_lists(rows))
    if equal:
        equal = ("<p>All lists probed, order by codes alone. Of each method the best index of the size, chosen by "
                 "recall on other queries than those reported here.</p>" + equal)
    return (f'<section id="{html.escape(data)}"><h2>{html.escape(data)}: {int(first["rows"]):,} x {first["dim"]}, '
            f'{first["metric"]}</h2>{"".join(drawn)}{equal}<h3>Every index</h3>'
            f"<p>All lists probed, so that what is lost is lost by the codes. Click a heading to sort.</p>"
            f"{table_of_all(data, all_lists(rows))}</section>")


def page(folder, plot):
    comments, own = read(folder / "results.csv")
    rival_comments, rivals = read(folder / "rivals.csv")
    rows = own + rivals
    sets = list(dict.fromkeys(row["data"] for row in rows if number(row, "recall_at_10") is not None))
    if not sets:
        raise SystemExit(f"{folder}: no measured row in results.csv or rivals.csv")
    files = [path for path in (folder / "results.csv", folder / "rivals.csv") if path.exists()]
    sections = "".join(section(data, [row for row in rows if row["data"] == data], files, plot, folder)
                       for data in sets)
    links = "".join(f'<a href="#{html.escape(data)}">{html.escape(data)}</a>' for data in sets)
    meanings = "".join(f"<dt>{html.escape(c.name)}</dt><dd>{html.escape(c.meaning)}</dd>" for c in COLUMNS)
    facts = html.escape("\n".join(comments + rival_comments))
    commits = ", ".join(sorted({row["commit"] for row in own if row.get("commit")})) or "unknown"
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Recall against memory</title><style>{STYLE}</style></head><body>
<h1>Recall against memory</h1>
<p>What short codes keep of the nearest neighbours: each index is trained on vectors of the data set, without a look
at the queries, and asked held-out queries whose true neighbours are known exactly.</p>
<nav>{links}<a href="#columns">columns</a><a href="#machine">machine</a></nav>
{sections}
<section id="columns"><h2>What the columns mean</h2><dl>{meanings}</dl>
<p>In the charts a line joins the indexes that no other of the same engine and order beats in both directions (Pareto
front); faint markers are the others. A marker tells its index when the pointer rests on it.</p></section>
<section id="machine"><h2>Machine and build</h2><p>Commit {html.escape(commits)}. Recall, bytes and error do not
depend on the machine.</p><pre>{facts}</pre></section>
<script>{SCRIPT}</script></body></html>
"""


def write(folder, plot):
    """Writes report.html and the charts beside the CSV files of `folder`."""
    text = page(folder, plot)
    (folder / "report.html").write_text(text, encoding="utf-8")
