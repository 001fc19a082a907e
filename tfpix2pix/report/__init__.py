"""Shows what was measured: pages, pictures, curves, tables.

page       one HTML file with all its images inside
gallery    draws the images of a page while they are measured
pictures   images and error maps as WebP files
plots      the curves of a training
results    tables, CSV and JSON
templates  the page's HTML, CSS and JavaScript
"""
