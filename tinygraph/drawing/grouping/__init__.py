"""A graph's calls in groups before a scene is made: scopes, repeats, sections, and scopes that are proposed."""
