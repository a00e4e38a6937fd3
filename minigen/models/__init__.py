"""The models of the course, one file each, by chapter.

Idea: a model file is read alone, from top to bottom: the idea, the formula, the shapes, the
network, the loss. `minigen list` says where each stands in the course.
Read next: autoencoders/mlp.py.
"""
