"""Pictures of what a buyer sends back: five per line, decoded and drawn anew, kept for a time.

What comes in is bytes of a stranger. Nothing of them is kept or served: a picture is decoded by
the three decoders that are allowed, and its pixels alone are encoded again, so that no place, no
name and no program travels with it.
"""
