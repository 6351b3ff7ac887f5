"""Maps made calmer: the majority around each pixel, no piece below a smallest size; always as a copy."""
