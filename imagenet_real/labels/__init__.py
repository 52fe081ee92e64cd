"""What is right: label sets, ImageNet's published ones, and the classes.

A label set says which classes are right for each image, and how much each image counts.
Begin with `label_set.py`, the type; then `published.py`, the label sets that have a name.
This room needs NumPy alone.
"""
