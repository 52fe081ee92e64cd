"""Config -> sources, label sets, models, training runs and reports.

Only this room and `programs` see a config; all others take plain arguments.
Begin with `training`, the parts of a training run, or `label_sets`, what a program scores.
"""
