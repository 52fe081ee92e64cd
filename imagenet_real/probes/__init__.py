"""How good a model's features are: nearest neighbors and linear heads, both from features that are on a disk.

Begin with `features.write_features`, which runs a model once over its images. `neighbors` classifies by the nearest training
images, and `linear` trains heads; both read the disk in pieces.
"""
