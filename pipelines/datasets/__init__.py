"""Data sets: folders in any layout, published ones, drawn ones, and pairs joined from two folders.

layout        opens a data set in any layout: its splits, and what is left out
places        recognizes by their names the folders of splits and sides
open_place    opens the pairs of one split's folder or folders
matching      matches the files of two folders to pairs
side          has one side's files by name, and finds out why a file has no partner
division      divides pairs into train, val and test by a hash of the name, or by lists
survey        looks at every pair: numbers, sizes, equal images
side_survey   collects what one side of the pairs is
findings      says what is odd about a survey
check         reads a whole data set, and names what is bad, left out or missing
locate        finds a data set's folder by name; makes or fetches it
catalogue     lists the published data sets
fetch         downloads, checks and unpacks one of them
demo          draws the demo data set
demo_scene    paints one facade: colors, relief and classes
combine       joins two folders of images to side-by-side pairs
"""
