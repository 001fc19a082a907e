"""The machine: its terminal, disk, memory and network.

terminal        runs a command: flags, one line for an error, exit codes
command_help    what --help shows: options in groups
start_notices   imports TensorFlow without the notices of its start
disk            writes files and folders whole or not at all; says how much room is missing
leftovers       temporary names, and removing what killed processes left
links           refuses links, pipes and devices in folders of others
paths           paths on a disk or in an object store
memory          refuses what cannot fit into memory
untrusted_json  parses JSON that somebody else may have written
download        downloads one file, resumes, checks
archive         unpacks a tar.gz that nobody has vouched for
"""
