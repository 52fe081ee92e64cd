"""What models and people predict: predictions files, tables of other tools, and the parts of an unfinished run.

Predictions are the seam between predicting, which needs pixels and JAX, and scoring, which needs NumPy.
Begin with `predictions.py`, the type and its file format; `columns.py` says what the columns of a table mean.
This room needs NumPy alone; Parquet files also need pyarrow.
"""
