"""People as raters: from the classes that models propose to a label set made of raters' votes. NumPy alone.

Begin with `votes.py`, the type that the other files share, and `aggregation.py`, which turns votes into labels.
`proposals.py`, `subsets.py` and `tasks.py` come before the votes: they choose the questions and make tasks of them.
`gold.py`, `dawid_skene.py` and `quality.py` say how reliable each rater is; `synthetic.py` simulates raters for tests.
`vote_files.py`, `task_files.py` and `label_files.py` read and write the files.
"""
