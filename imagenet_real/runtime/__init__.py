"""Devices and processes: the mesh, several processes as one run, prefetching, worker processes, jobs, locks, progress.

Begin with `devices`: it says how batches and parameters lie on the mesh.
`distributed` adds further processes to a run; a run of one process needs nothing of it.
"""
