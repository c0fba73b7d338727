"""A scene in each format: DOT, SVG, PNG, Mermaid, TikZ, and text for a terminal."""
