"""Files on a disk and in a bucket: paths, reading, atomic writing, caches and run keys.

Begin with `paths` and `files`, which every other room uses; `bucket` knows the rest about `gs://...`.
`run_key` decides whether an interrupted run may continue.
"""
