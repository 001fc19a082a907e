"""A model in TensorFlow Serving, and its clients.

servable.py     the served model: image files in, image files out
queues.py       concurrent requests share batches, or wait for one another
versions.py     numbered versions that appear whole or not at all
warmup.py       requests that Serving replays when it loads a version
send_files.py   sends files to a server, and writes its answers
rest_client.py  the client by REST
grpc_client.py  the client by gRPC
answers.py      what both clients share: errors, limits, the check of an answer
"""
