"""Files on a disk and in a bucket: paths, reading, atomic writing, caches and run keys.

Begin with `storage`, which every other room uses, for files on a disk and in a bucket alike, and with `readers`, which
reads every file that has a format: it checks a schema and gives a value or one InputError.
`run_key` decides whether an interrupted run may continue.
"""
