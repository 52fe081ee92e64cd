"""Whole flows: the commands that a page of the documentation gives, from an empty folder to the wanted result."""
