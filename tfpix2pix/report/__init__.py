"""Shows what was measured: pages, pictures, curves, tables.

page       one HTML file with all its images inside
pages      divides the images among pages
gallery    draws the images of a page while they are measured
pictures   images and error maps as WebP files
plots      the curves of a training
animation  the pictures of samples/, one after another
conclusion one plain sentence on what the numbers come to
run_tables what the compared runs are, and in which options they differ
results    tables, CSV and JSON
templates  the page's HTML, CSS and JavaScript
"""
