"""The results as Markdown. Everything is computed from the rows that quality.py kept; a method that was not run keeps
its line, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import fmean, median
from typing import Any

from bench.studio.cost import SIDES
from bench.studio.peer_worker import FILL, SIDE
from bench.studio.peers import METHODS, Method
from bench.studio.quality import Row
from packshot.studio import CHECK

BEGIN, END = "<!-- measured:begin -->", "<!-- measured:end -->"
RIGHT = 0.9  # IoU from which a cut-out holds the right object
PEERS_OF_MODEL = ("packshot", *(method.name for method in METHODS if method.room == "rembg"))
TITLES = {method.name: method.title for method in METHODS}
ABSENT = "–"

Results = dict[str, Any]


def table(results: Results) -> str:
    """All tables, each with its heading."""
    methods = [method for method in METHODS if method.name in results["methods"]]
    parts = [_conditions(results), _cutouts(results, methods), _white(results, methods), _tags(results, methods)]
    parts += [_confidence(results, methods), _cost(results), _start(results, methods), _truth(results)]
    return "\n\n".join(part for part in parts if part)


def write(file: Path, text: str) -> None:
    """Put the tables between the markers of a page, or make the page. Raises ValueError for a page without markers."""
    block = f"{BEGIN}\n\n{text}\n\n{END}"
    if not file.exists():
        file.write_text(f"# The studio\n\n## Measured\n\n{block}\n")
        return
    before, begun, rest = file.read_text().partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        raise ValueError(f"{file} has no {BEGIN} … {END}")
    file.write_text(before + block + after)


def rows_of(results: Results, name: str) -> list[Row]:
    """A method's rows of the pictures asked for."""
    rows = results["quality"].get(name, {})
    return [rows[picture] for picture in results["pictures"] if picture in rows]


def grid(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    head = list(head)
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines))


def mean_median(values: list[float], form: str) -> str:
    """Two numbers in one cell."""
    return f"{fmean(values):{form}} / {median(values):{form}}" if values else ABSENT


def share(flags: Iterable[bool]) -> str:
    """How many of how many, in per cent."""
    known = list(flags)
    return f"{100 * sum(known) / len(known):.0f} %" if known else ABSENT


def _conditions(results: Results) -> str:
    count, machine = len(results["pictures"]), results["machine"]
    versions = ", ".join(dict.fromkeys(results["versions"][name] for name in results["methods"]))
    kept = f" (of {results['of']} in it)" if results["of"] != count else ""
    return (
        f"{count} pictures of the {results['half']} half{kept}, the same for every method; {versions}. "
        f"{machine['cpu']}, Python {machine['python']}, numpy {machine['numpy']}, Pillow {machine['pillow']}; load "
        f"{machine['load']:.0f} on {machine['cores']} cores at the end. Every process has one thread "
        f"(`OMP_NUM_THREADS=1` and its kin); the methods' order turns from picture to picture. Numbers are means / "
        f"medians where there are two."
    )


def _lines(results: Results, methods: list[Method], cells: Callable[[Method, list[Row]], list[str]]) -> list[list[str]]:
    """A line of each method; why it was not run, where it was not."""
    lines = []
    for method in methods:
        rows = rows_of(results, method.name)
        reason = results["not_run"].get(method.name, "no pictures")
        said = [f"{method.title} (not run: {' '.join(reason.split())})"]
        lines.append([method.title, *cells(method, rows)] if rows else said)
    return lines


def _cutouts(results: Results, methods: list[Method]) -> str:
    found = found_by_all(results)

    def cells(method: Method, rows: list[Row]) -> list[str]:
        quality = results["quality"][method.name]
        common = [quality[picture]["edge_mae"] for picture in found if picture in quality]
        return [
            mean_median([row["iou"] for row in rows], ".3f"),
            share(row["iou"] >= RIGHT for row in rows),
            mean_median([row["mae"] for row in rows], ".1f"),
            mean_median([row["sad"] for row in rows], ".2f"),
            mean_median([row["edge_mae"] for row in rows], ".3f"),
            f"{fmean(common):.3f}" if common else ABSENT,
            str(sum("failed" in row for row in rows)),
            mean_median([row["cpu"] for row in rows if "cpu" in row], ".2f"),
        ]

    every = f"edge MAE, {len(found)} found by all"
    head = ["method", "IoU", f"IoU ≥ {RIGHT}", "MAE ×1000", "SAD /1000", "edge MAE", every, "failed", "CPU s"]
    note = (
        f"A failed cut-out counts as an empty one. *Found by all*: the pictures where packshot without a hint and all "
        f"of rembg's variants that ran have an IoU of at least {RIGHT}; the column is a mean."
    )
    return f"### Cut-outs\n\n{grid(head, _lines(results, methods, cells))}\n\n{note}"


def found_by_all(results: Results) -> list[str]:
    """Pictures in which packshot and every variant of rembg that ran found the product."""
    ran = [results["quality"][name] for name in PEERS_OF_MODEL if results["quality"].get(name)]
    return [
        picture for picture in results["pictures"]
        if ran and all(picture in rows and rows[picture]["iou"] >= RIGHT for rows in ran)
    ]  # fmt: skip


def _white(results: Results, methods: list[Method]) -> str:
    def passes(row: Row, format: str) -> bool:
        return f"white_{format}" in row and not row[f"white_{format}"]["broken"]

    def cells(method: Method, rows: list[Row]) -> list[str]:
        changed = [row["fidelity"] for row in rows if row.get("fidelity")]
        broken = [rule for row in rows for rule in row.get("white_jpg", {}).get("broken", ())]
        return [
            share(passes(row, "jpg") for row in rows),
            share(passes(row, "png") for row in rows),
            share(passes(row, "jpg") and row["iou"] >= RIGHT for row in rows),
            ", ".join(f"{rule.replace('_', ' ')} {broken.count(rule)}" for rule in sorted(set(broken))) or "none",
            mean_median([row["halo"] for row in rows if "halo" in row], ".2f"),
            f"{fmean(mean for mean, _ in changed):.3f} / {max(most for _, most in changed):.1f}" if changed else ABSENT,
        ]

    head = ["method", "passes, jpg", "passes, png", f"passes (jpg), IoU ≥ {RIGHT}", "rules broken (jpg)", "halo"]
    note = (
        f"Packshots of {SIDE} px, judged by this project's own checker for Amazon's main image: background, fill, "
        f"whole product. packshot composes its own. The peers' cut-outs, in the colours that they return (rembg "
        f"without matting darkens half-clear pixels itself), are cropped, scaled to {100 * FILL:.0f} % and laid on "
        f"white with Pillow; saved with quality 90 and Pillow's own settings, or as PNG. *Halo*: chroma + darkness in "
        f"the 6 px outside the true outline, at 1:1. *ΔE2000*: mean, and largest of all pictures, inside the product."
    )
    lines = _lines(results, methods, cells)
    return f"### On white\n\n{grid([*head, 'ΔE2000 mean / max'], lines)}\n\n{note}"


def _tags(results: Results, methods: list[Method]) -> str:
    shown = [method for method in methods if rows_of(results, method.name)]
    tags = sorted({tag for method in shown for row in rows_of(results, method.name) for tag in row["tags"]})
    lines = []
    for tag in tags:
        per = {method.name: [row for row in rows_of(results, method.name) if tag in row["tags"]] for method in shown}
        means = [f"{fmean(row['iou'] for row in rows):.3f}" if rows else ABSENT for rows in per.values()]
        lines.append([tag, str(max(len(rows) for rows in per.values())), *means])
    head = ["kind of picture", "pictures", *(method.title for method in shown)]
    return f"### Mean IoU by kind of picture\n\n{grid(head, lines)}" if lines else ""


def _confidence(results: Results, methods: list[Method]) -> str:
    lines = []
    for method in methods:
        rows = [row for row in rows_of(results, method.name) if "confidence" in row]
        wrong = [row for row in rows if row["iou"] < RIGHT]
        right = [row for row in rows if row["iou"] >= RIGHT]
        if rows:
            told = [sum(row["confidence"] < CHECK for row in group) for group in (wrong, right)]
            lines.append([method.title, f"{told[0]} of {len(wrong)}", f"{told[1]} of {len(right)}"])
    head = ["method", f"wrong cut-outs (IoU < {RIGHT}) said to be checked", "right ones said to be checked"]
    return f"### Does it know?\n\n{grid(head, lines)}" if lines else ""


def _cost(results: Results) -> str:
    if not results.get("cost"):
        return ""
    lines = []
    for name, sides in results["cost"].items():
        base, _, what = name.partition(", ")
        cells = []
        for side in SIDES:
            run = sides.get(str(side), {"failed": NOT_RUN})
            cells.append(
                _failure(run) if "failed" in run else f"{run['cpu'] - run['loaded']:.2f} / {run['peak_mb']:.0f}"
            )
        lines.append([TITLES[base] + (f", {WHAT[what]}" if what else ""), *cells])
    head = ["method", *(f"{side // 1024}K: CPU s / peak MB" for side in SIDES)]
    note = (
        "One picture of that longer side to one square JPEG of that side: cut out and set on white, without import and "
        "weights. Peak: of the whole process. No process may take more than 10 GB, as on AWS Lambda."
    )
    return f"### Cost of a picture\n\n{grid(head, lines)}\n\n{note}"


NOT_RUN = "not run"


def _failure(run: Mapping[str, Any]) -> str:
    """Why there is no number."""
    return NOT_RUN if run["failed"] == NOT_RUN else f"failed: {run['failed']}"


WHAT = {
    "scene": "in a wooden set",
    "again": "on white, from the stored cut-out",
    "scene again": "in a wooden set, from the stored cut-out",
}


def _start(results: Results, methods: list[Method]) -> str:
    if not results.get("cold"):
        return ""
    lines = []
    for method in (one for one in methods if not one.boxed):
        run = results["cold"].get(method.name, {"failed": results["not_run"].get(method.name, NOT_RUN)})
        if "failed" in run:
            cells = [_failure(run), ABSENT, ABSENT]
        else:
            cells = [f"{run['loaded']:.2f}", f"{run['cpu']:.2f}", f"{run['peak_mb']:.0f}"]
        first, size = results["first"].get(method.room), results["package"].get(method.name)
        cells += [f"{first:.0f}" if first else ABSENT, f"{size:.0f}" if size else ABSENT]
        lines.append([method.title, *cells])
    head = ["method", "loaded, CPU s", "first cut-out, CPU s", "peak MB", "very first start, CPU s", "installed MB"]
    note = (
        "A fresh process with one thread, medians of three: imports and weights; and with the first cut-out. *Very "
        "first start*: with nothing compiled or cached yet. *Installed*: without bytecode; packshot is the imaging "
        "layer for x86_64 with model and sets, without onnxruntime; peers are their packages and weights."
    )
    return f"### Cold start and size\n\n{grid(head, lines)}\n\n{note}"


def _truth(results: Results) -> str:
    pairs = results.get("truth")
    if pairs is None:
        return ""
    if not pairs:
        return "### Distance to physical truth\n\nNo truth pairs."
    lines = []
    for way in ("ours", "drop shadow", "no shadow"):
        found = [pair[way] for pair in pairs.values()]
        touched = [one["touched"] for one in found if one["touched"] is not None]
        numbers = [f"{fmean(one['ssim'] for one in found):.4f}", f"{fmean(one['error'] for one in found):.2f}"]
        lines.append([way, *numbers, f"{fmean(touched):.2f}" if touched else ABSENT])
    each = []
    for name, pair in pairs.items():
        each.append([name, *(f"{pair[way]['ssim']:.4f} / {pair[way]['error']:.2f}" for way in pair)])
    head = ["way", "SSIM", "error, levels", "error where light or shadow falls"]
    own = ["pair: SSIM / error", *next(iter(pairs.values()))]
    note = "Floor only, product left out; means over the pairs. Errors are mean absolute, in levels of 255."
    title = f"### Distance to physical truth ({len(pairs)} pairs)"
    return f"{title}\n\n{grid(head, lines)}\n\n{grid(own, each)}\n\n{note}"
