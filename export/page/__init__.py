"""A page that runs generators in the browser: a folder of static files, which needs no server of its own.

write_site.py  writes the folder, or updates one
model_entry.py one run -> the files of a model, and its entry in models.json
runtime.py     LiteRT.js: found or downloaded, and what the page needs of it
server.py      serves the folder on this machine, with the headers that threads need
assets/        the page itself: HTML, CSS and JavaScript modules
"""
