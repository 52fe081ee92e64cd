"""Results in the formats of other tools: CSV and Parquet per image, cleanlab, TensorBoard, timm, LaTeX, Markdown, the Hub.

Begin with `exports.write`, which `score`, `evaluate` and `train` call with the names in `config.export`. Each other file
writes one format.
"""
