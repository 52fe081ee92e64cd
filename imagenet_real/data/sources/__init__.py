"""Sources of images: a folder, a tar, or a prepared TFDS dataset in ArrayRecord or TFRecord.

Begin with `open`, which picks the source for a name, and `records`, which says what every source offers.
A source gives encoded images by number and the label fields of all records, and travels to worker processes.
TensorFlow is not needed: `examples`, `tfrecords` and `nested_tar` read the formats themselves.
"""
