"""How fast the screens act, in seconds: quick enough to feel at once, slow enough for SSH."""

REST_S = 0.06
"""How long the cursor rests before its cell is looked up."""

QUIET_S = 0.3
"""How long a view is looked at before the rest of its slice is read."""

LOOK_S = 0.5
"""How often run folders and store are looked at."""

CHORD_S = 0.8
"""How soon the second g of gg follows the first."""
