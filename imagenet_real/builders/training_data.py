"""The images that a run trains on and what is right for them, and those that it reports on."""
