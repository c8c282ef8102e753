"""Mutants: one small mistake each in the rules, and the tests that must fail because of it.

``mutate`` makes them, ``plant`` puts one into the living program, ``plugin`` finds the tests that
pass by it and runs them, ``run`` puts it together, and ``survivors.toml`` argues each that no test
kills.

mutmut makes no mutants outside of functions, nor in decorated ones: none at all of the tables that
the states are, none of properties. So the operators are here.
"""
