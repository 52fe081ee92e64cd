"""The pages need two libraries, which the extra `review` installs; without them they are not tested, and that is said."""

import pytest

for library in ("starlette", "uvicorn"):
    pytest.importorskip(library, reason=f"{library} is not installed (the extra review): the pages are not tested")
