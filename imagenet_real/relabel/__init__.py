"""Label maps (ReLabel, Yun et al. 2021): the likeliest classes at each place of each image, and their use.

Begin with `label_maps`, the format on disk, and `pooling`, which makes the target of a crop.
`annotate` makes maps with a model; `published_maps` imports the published ones; `label_map_writer` writes both.
`inspection` compares maps with predictions and with what crops show.
"""
