"""The table of accuracies for a paper: LaTeX with booktabs, and Markdown."""

import os
from collections.abc import Mapping, Sequence

from imagenet_real.io import storage
from imagenet_real.io.names import one_line
from imagenet_real.report.names import SOURCES, capitalize, label_set_name
from imagenet_real.scoring.results import Results, Row

LATEX, MARKDOWN = "table.tex", "table.md"
_ESCAPES = {
    "±": r"$\pm$",
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def write_latex(path: str | os.PathLike, results: Results) -> None:
    """Writes a table environment: a row for each model, a column for each label set, the best of each column in bold."""
    table = _Table(results)
    head = " & ".join(["Model", *(latex_text(name) for name in table.heads)])
    lines = [
        f"% Written by imagenet_real {results.provenance.get('imagenet_real', '')}. It needs \\usepackage{{booktabs}}.",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{latex_text(table.caption)}}}",
        r"\label{tab:imagenet-real}",
        rf"\begin{{tabular}}{{l{'r' * len(table.heads)}}}",
        r"\toprule",
        rf"{head} \\",
        r"\midrule",
        *(
            " & ".join([latex_text(model), *(_latex_cell(*cell) if cell else "--" for cell in cells)]) + r" \\"
            for model, cells in table.lines
        ),
        r"\midrule",
        rf"Images & {' & '.join(table.images)} \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    _write(path, lines)


def write_markdown(path: str | os.PathLike, results: Results) -> None:
    """Writes the same table for a README or a model card."""
    table = _Table(results)
    lines = [
        _markdown_row(["model", *table.heads]),
        _markdown_row(["---", *("---:" for _ in table.heads)]),
        *(
            _markdown_row([model, *(_markdown_cell(*cell) if cell else "" for cell in cells)])
            for model, cells in table.lines
        ),
        _markdown_row(["images", *table.images]),
        "",
        table.caption,
    ]
    _write(path, lines)


def latex_text(text: str) -> str:
    """Text with the characters escaped that mean something in LaTeX."""
    return "".join(_ESCAPES.get(character, character) for character in one_line(text))


class _Table:
    """The cells that both formats share: top-1 under each label set, and top-5 under the first one if it was scored."""

    def __init__(self, results: Results):
        ks = sorted({row["k"] for row in results.rows})
        names = list(dict.fromkeys(row["label_set"] for row in results.rows))
        by_key = {(row["model"], row["label_set"], row["k"]): row for row in results.rows}
        columns = [(names[0], k) for k in ks] + [(name, ks[0]) for name in names[1:]]
        self.heads = [capitalize(label_set_name(name)) + (f" top-{k}" if k != ks[0] else "") for name, k in columns]
        models = _in_order(results)
        best = {
            column: max((row["accuracy"] for model in models if (row := by_key.get((model, *column)))), default=None)
            for column in columns
        }
        self.lines = [(model, [_cell(by_key, model, column, best, models) for column in columns]) for model in models]
        self.images = [
            f"{max(row['images'] for key, row in by_key.items() if key[1:] == column):,}" for column in columns
        ]
        sources = [f"{label_set_name(name)} ({SOURCES[name]})" for name in names if name in SOURCES]
        described = f" Labels: {', '.join(sources)}." if sources else ""
        bold = " The best of each column is bold." if len(models) > 1 else ""
        self.caption = f"Top-{ks[0]} accuracy in %, ± half of the 95 % interval.{bold}{described}"


Cell = tuple[str, str, bool]  # accuracy, half of the interval, whether it is the best of several


def _in_order(results: Results) -> list[str]:
    """The best model first under the first label set; people and models without a rank come last."""
    models = list(dict.fromkeys(row["model"] for row in results.rows))
    ranked = [row["model"] for row in results.rankings[0]["models"]] if results.rankings else []
    return [*ranked, *(model for model in models if model not in ranked)]


def _cell(
    by_key: Mapping[tuple, Row], model: str, column: tuple[str, int], best: Mapping, models: Sequence[str]
) -> Cell | None:
    row = by_key.get((model, *column))
    if row is None:
        return None
    half = (row["high"] - row["low"]) / 2
    return f"{row['accuracy'] * 100:.2f}", f"{half * 100:.2f}", len(models) > 1 and row["accuracy"] == best[column]


def _latex_cell(value: str, half: str, is_best: bool) -> str:
    number = rf"\textbf{{{value}}}" if is_best else value
    return rf"{number} {{\scriptsize $\pm$ {half}}}"


def _markdown_cell(value: str, half: str, is_best: bool) -> str:
    return f"{f'**{value}**' if is_best else value} ± {half}"


def _markdown_row(cells: Sequence[str]) -> str:
    escaped = [one_line(cell).replace("|", r"\|") for cell in cells]
    return f"| {' | '.join(escaped)} |"


def _write(path: str | os.PathLike, lines: Sequence[str]) -> None:
    with storage.open_atomically(path) as file:
        file.write("\n".join(lines) + "\n")
