"""What tries to break Surehold: simulation, interleavings, crashes, generated input, a model.

Never shipped with the program. `python -m proof --help` lists what there is; `docs/proof.md` shows
what came of it.
"""
