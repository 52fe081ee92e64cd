"""Training of classifiers: the loop, the step, losses, optimizers, metrics and checkpoints.

Begin with `loop.fit`, which reads top to bottom; `step.make_train_step` compiles what it calls, on any mesh.
Nothing here sees a config: `builders.training` makes the parts of a run, and `builders.training_run` joins them.
"""
