"""Runs a model over images: a model and a source of images become predictions.

Begin with `images.predict_images`, one call for a whole source. `predict.predict` is its core: it takes any batches, writes
rows as they come, and continues a killed run. `run_batches` keeps the devices busy while the next batch is read; it also
serves label maps (`relabel`). Every program that needs predictions goes through this room.
"""
