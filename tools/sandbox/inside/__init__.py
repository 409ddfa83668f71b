"""What runs behind the walls, with the standard library only: this folder is bound in there alone.

`driver` is pid 1 there; it forks children, which are `candidate`; `records` is how both report.
"""
