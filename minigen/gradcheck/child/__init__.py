"""What runs beside the homework: in a child process for files, in this process for functions.

Idea: this folder only *evaluates*. It calls the student's forward and backward and hands back
arrays; differences, comparisons and verdicts are made by the caller (checker.py, one folder up),
where student code cannot reach. (The search of repair.py compares here, to be fast, and the caller
checks what it finds.) It needs NumPy and the standard library, nothing of minigen, so
that the child process starts fast and a homework file cannot meet half of minigen inside.
Read next: session.py (what can be asked), pairs.py (calling conventions), wire.py (the channel).
"""
