"""The studies behind `docs/search.md`: what a search can be expected to find, and what it costs."""
