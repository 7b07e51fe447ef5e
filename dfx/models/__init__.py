"""Networks from timm, their weights, and weights files."""
