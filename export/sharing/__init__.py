"""What people read beside an export, and the folder in which a generator is shared.

meanings    what the numbers of sources and results are, in words
findings    what `evaluate` found of a checkpoint, and its pictures
card        the model card: Markdown with Hugging Face's metadata on top
card.md     its template
uses        how an export is used, by format
folder      the folder that export.card writes, which load_run opens
"""
