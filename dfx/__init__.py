"""dfx trains, compares and applies real-versus-deepfake image classifiers."""

__version__ = "0.1.0"
