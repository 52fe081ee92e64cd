"""Plots: data in, a matplotlib figure out.

`drawing` has their common style, and turns a figure into PNG and into SVG for a page. Each other file draws one kind of
figure. `scatter` and `bump` compare models, `reliability` shows calibration, `training_runs` compares training runs, and
`label_maps` and `contact_sheet` show images. Begin with `scatter.figure`.
"""
