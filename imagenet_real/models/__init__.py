"""The models, as Flax NNX modules: one file per family, under the tensor names of timm.

Begin with `catalog`: `find` returns what is known of a model, `build` and `load` make it. Each family lists its
architectures in `SPECS`; weights.csv lists the published weights, with their preprocessing and accuracies.
`checkpoints` reads files of weights, `functional` makes pure functions, and `user_model` calls the user's own model.
"""
