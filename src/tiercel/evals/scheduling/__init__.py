"""The same evaluation again and again, each run held against one that was kept: what to be alarmed by, whom to tell."""
