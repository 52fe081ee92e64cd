"""Some of a source's records, as a source."""

import hashlib

import numpy as np

from imagenet_real.data.sources.records import LabelFields, Record, Source


class Subset:
    """The records of a source at `rows`, in that order."""

    def __init__(self, source: Source, rows: np.ndarray):
        self._source, self._rows = source, np.asarray(rows, dtype=np.int64)
        self.name, self.num_classes, self.class_names = source.name, source.num_classes, source.class_names
        self.notes = source.notes
        self.fingerprint = hashlib.sha256(source.fingerprint.encode() + self._rows.tobytes()).hexdigest()

    def origin(self) -> tuple[Source, np.ndarray]:
        """Returns the source that is no subset itself, and the rows of these records in it: [n] int64."""
        if not isinstance(self._source, Subset):
            return self._source, self._rows
        source, rows = self._source.origin()
        return source, rows[self._rows]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Record:
        return self._source[int(self._rows[index])]

    def label_fields(self) -> LabelFields:
        """Returns the label fields of these records."""
        whole = self._source.label_fields()
        fields = {name: [values[row] for row in self._rows] for name, values in whole.fields.items()}
        fields = {
            name: np.array(fields[name]) if isinstance(whole.fields[name], np.ndarray) else fields[name]
            for name in fields
        }
        image_ids = whole.image_ids[self._rows]
        damaged = {name: whole.damaged[name] for name in image_ids.tolist() if name in whole.damaged}
        return LabelFields(image_ids, fields, whole.num_classes, whole.class_names, damaged, whole.folders)
