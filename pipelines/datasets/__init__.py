"""Data sets by name: published, drawn, or joined from two folders.

locate        finds a data set's folder by name; makes or fetches it
catalogue     lists the published data sets
fetch         downloads, checks and unpacks one of them
demo          draws the demo data set
demo_scene    paints one facade: colors, relief and classes
combine       joins two folders of images to side-by-side pairs
"""
