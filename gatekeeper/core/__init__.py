"""The vocabulary every other package speaks: frozen values, ports and errors.

Nothing here imports another package of this project, nor any heavy library.
"""
