"""Pixels and targets, without JAX: decoding, preprocessing, augmentation, target vectors, batches.

Begin with `batches` (evaluation) or `training_batches` (training).
`preprocess` and `resize` are bit for bit torchvision on Pillow images; `targets` is the mathematics of labels.
`sources` reads images, `writers` prepares datasets, `digit_scenes` is the embedded dataset.
"""
