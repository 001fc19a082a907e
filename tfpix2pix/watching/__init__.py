"""Shows how far trainings are, from what they have written; without TensorFlow.

find_runs   the run directories that a command line names
progress    how far one training is: steps, time left, losses, best validation
table       the rows of several, as wide as a terminal
"""
