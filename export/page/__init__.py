"""A page that runs generators in the browser: a folder of static files, which needs no server of its own.

chosen_runs.py which runs it is to show
write_site.py  writes the folder, or updates one
write_model.py one run -> the files of a model
models_json.py what the page knows of its models
runtime.py     LiteRT.js: found or downloaded, and what the page needs of it
server.py      serves the folder on this machine, with the headers that threads need
assets/        the page itself: HTML, CSS and JavaScript modules
"""

import pathlib

ASSETS = pathlib.Path(__file__).parent / "assets"
