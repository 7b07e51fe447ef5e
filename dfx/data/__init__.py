"""Image folders, their order and randomness, decoding, transforms and loading."""
