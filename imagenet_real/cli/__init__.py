"""The command line: `imagenet-real NAME --FIELD=VALUE ... --workdir=DIR`.

It finds the config, reads its fields, and runs the program that the config names. Begin with `main.py`, the entry, and
`programs.py`, the list of programs. `configs.py` finds configs, `arguments.py` reads fields, `checks.py` checks them,
`help.py` prints them, and `output.py` keeps control codes out of what is printed.
"""
