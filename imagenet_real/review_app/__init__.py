"""The web pages on which people review mistakes, answer rating tasks and compare pairs of pictures.

Begin with `app.py`, the addresses that the pages ask, and `content.py`, what a server shows.
`review.py`, `rating.py` and `pairs.py` hold the three kinds of work; `store.py` keeps every answer in SQLite.
`guard.py` refuses requests of other sites and of people without the token; `static/` holds the pages themselves.
"""
