"""What Config is made of.

data_options           which pairs there are, and what the networks see of them
network_options        both networks
objective_options      what they learn
optimization_options   how weights are updated, for how long, on which devices
output_options         what is written, and when
option                 makes an option: field, flag and check; what may change in a run
checks/                options that exclude each other
sides                  how the files of both sides become pairs, as the options have it
"""
