"""Options that exclude each other, or need each other.

together.py       all of these checks, and those of data and networks
objective.py      losses that exclude each other, or what they need
augmentation.py   what the augmentation excludes
optimization.py   what options of the updates exclude
"""
