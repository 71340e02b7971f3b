"""What a figure's files say about it: the stamp in them, and what to print of it in a paper."""
