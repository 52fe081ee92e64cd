"""Long seeded campaigns, each a script with a size. Short versions of them are tests: `test_campaigns.py`."""
