"""Writers of TFDS datasets in ArrayRecord.

Begin with `prepare` (images -> dataset) or `convert` (TFRecord -> ArrayRecord).
Both write through `shards`: each file appears whole or not at all, so a killed run can continue.
"""
