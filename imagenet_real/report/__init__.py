"""Ink only: results as tables in a terminal, as files, plots, a page and exports. Nothing here computes a result.

Begin with `table.as_text`, which prints the accuracies of `score`, and `files.write_results`, which writes results.json.
`printing.show` prints for every program. `page` is report.html, `plots` has the figures, `exports` other tools' formats.
Each other file renders the summary of one program, which another room computes.
"""
