"""Wrong predictions: on which images, of what kind, and how people judge them. NumPy alone.

Begin with `mistakes.py`, the type and the list of a model's mistakes, and `judged.py`, mistakes that people judged.
`categories.py` guesses the kind of a mistake by rules, and `guesses.py` compares the guesses with people's judgments.
`summary.py` holds what the program `mistakes` prints and writes.
"""
