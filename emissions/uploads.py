"""Uploads within bounds: what is too large is read to its end and kept nowhere."""

from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

LARGEST_UPLOAD = 64 * 1024 * 1024
"""A page takes files up to this size; `manage.py import_runs` larger ones. [bytes]"""


class BoundedUploadHandler(FileUploadHandler):
    """Give up a file that is too large, and say so on the request: `upload_too_large`."""

    request: HttpRequest

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self.received = 0

    def new_file(self, *args: Any, **options: Any) -> None:
        """Begin to count."""
        super().new_file(*args, **options)
        self.received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Count, and pass on."""
        self.received += len(raw_data)
        if self.received > LARGEST_UPLOAD:
            self.request.upload_too_large = True  # type: ignore[attr-defined]
            raise StopUpload(connection_reset=False)
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Leave the file to the next handler."""
