"""What people look at: curves, pictures, tables, and the HTML pages that hold them."""
