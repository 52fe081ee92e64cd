"""How good predictions are: accuracies, intervals, rankings, calibration, and the doctor.

Begin with `results.py`: `score` makes every number that results.json holds.
`accuracy.py` and `uncertainty.py` are the mathematics; `doctor.py` finds mistakes in predictions files.
This room computes and prints nothing; `report` has the tables and the plots.
"""
