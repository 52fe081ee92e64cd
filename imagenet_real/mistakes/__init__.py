"""Wrong predictions: which images a model gets wrong, what kind of mistake each is, and what people judged. NumPy alone.

Begin with `mistakes.py`, the type and the list of a model's mistakes, and `judged.py`, mistakes that people judged.
`categories.py` guesses the kind of a mistake by rules, and `guesses.py` compares the guesses with people's judgments.
`summary.py` holds what the program `mistakes` prints and writes.
"""
