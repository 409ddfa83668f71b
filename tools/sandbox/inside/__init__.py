"""What runs behind the walls, with the standard library only: this folder is bound in there alone.

`server` is pid 1 there. For screening it forks `together`; for two processes `tester`, which holds
the verdicts, and `candidate`, which holds the solution. `records` is what all of them write.
"""
