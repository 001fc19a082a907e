"""Serves a SavedModel as TensorFlow Serving's documentation has its REST interface (api_rest), without Docker.

served_model.py  a SavedModel with its name and version: signatures from arrays to arrays
json_arrays.py   what a request's JSON holds -> arrays, and an answer's arrays -> JSON
work_queue.py    work in a few threads; what would wait too long is refused
application.py   which request gets which answer
drawing_page.py  the page on which people draw
listening.py     listens at a port until the process is told to stop
"""
