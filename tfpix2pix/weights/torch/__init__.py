"""Files of PyTorch, read and written without PyTorch.

networks.py   the PyTorch reference's and pix2pixHD's networks, to ours and back
names.py      what they call the layers of ours
file.py       reads files of torch.save
objects.py    reads the objects in such files, and runs nothing
archive.py    writes files as torch.save does
"""
