"""Takes a trained run to production: SavedModel, TFLite, ONNX, bulk translation.

saved_model.py  command: a SavedModel for TensorFlow Serving
tflite.py       command: TFLite files for phones
onnx.py         command: an ONNX file
torch.py        command: files of the PyTorch reference
card.py         command: a folder to share, with a model card
bioimage.py     command: a package of the BioImage Model Zoo
web.py          command: a page that runs generators in the browser
bulk.py         command: translates any number of images with a SavedModel
serve.py        command: serves a SavedModel by REST
client.py       command: sends images to TensorFlow Serving
options.py      the options that the exporters share
trained.py      a generator and what it is compared on: every exporter starts from both
compared_pairs.py  pictures for that: kept in the run, of a data set, or of a folder
palette.py      the colors in which sources are drawn
drawable.py     which runs people can draw for
loaded_model.py a SavedModel in this process
file_model.py   one that translates files, large pictures in tiles
bulk_job.py     a bulk translation from its folder to the list of failures
bulk_block.py   the part of it that one worker does at a time
formats/        the exporters, and the comparison of their files with Keras
sharing/        the model card, and the folder of card.py
zoo/            the package of bioimage.py
page/           the page of web.py
rest/           the REST interface of TensorFlow Serving
serving/        the served model, its versions, and clients
"""
