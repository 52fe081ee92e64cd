"""A campaign of damaged files: every kind of file that the program reads, mutated from a seed.

`python -m tests.fuzz --cases=20000` runs it and prints a table by kind; `make fuzz` runs an hour of it. A case is a file
that a mutation changed and the call that reads it, in a child process with limits of time and memory. It passes if the
file is read, or refused in one line of at most 300 characters that names it. Begin with `kinds`, what is read.
"""
