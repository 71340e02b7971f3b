"""Data sets: images, views of photographs, rated pairs; and how they are converted from what their sources publish."""
