"""The commands of `partialseg`, each a module of its own; the package itself imports none of them."""
