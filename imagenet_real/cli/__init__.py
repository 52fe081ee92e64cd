"""The command line: `imagenet-real NAME --FIELD=VALUE ... --workdir=DIR`.

It finds the config, reads its fields, and runs the program that the config names. Begin with `main.py`: it holds the list
of programs. `configs.py` finds configs, `arguments.py` reads fields, `help.py` prints them, and `extras.py` names the
extra of the package that is missing.
"""
