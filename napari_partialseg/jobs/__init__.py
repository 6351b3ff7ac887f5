"""What takes a while: opening, reading masks, exporting; off the viewer's thread."""
