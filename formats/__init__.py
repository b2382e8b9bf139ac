"""Files: the .grain container, its carriers, and ordinary images in and out."""
