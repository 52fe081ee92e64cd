"""The page report.html: all results on a single page that loads nothing.

Begin with `document.write_report`, which lists the sections in order. Each section is a file whose function `section`
takes a `Subject` (results with lookups) and returns a `Section`, or None if it has no content. `markup` builds the HTML; `script.js`
sorts and searches its tables.
"""
