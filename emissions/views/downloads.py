"""Files to be kept: what is in hand, and what is read while it is sent."""

import csv
from collections.abc import Iterable, Mapping, Sequence

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse

from emissions.tabular import Value, csv_bytes, defused, zip_bytes

TYPES = {"csv": "text/csv; charset=utf-8", "zip": "application/zip"}

#: A page's tables by name: header and rows of each.
Files = Mapping[str, tuple[Sequence[str], Sequence[Sequence[Value]]]]


def download(content: bytes, name: str) -> HttpResponse:
    """Return a file; its type is that of its name."""
    return HttpResponse(content, content_type=TYPES[name.rpartition(".")[2]], headers=_kept(name))


def download_rows(rows: Iterable[Sequence[Value]], name: str) -> StreamingHttpResponse:
    """Return rows as CSV, sent while they are read, however many there are."""
    writer = csv.writer(_Echo())
    lines = (
        writer.writerow([defused(one) if isinstance(one, str) else one for one in row])
        for row in rows
    )
    return StreamingHttpResponse(lines, content_type=TYPES["csv"], headers=_kept(name))


def file_of(request: HttpRequest, files: Files, stem: str) -> HttpResponse | None:
    """Return the file that the address asks for (?format=csv&figure=…, ?format=zip), if any."""
    match request.GET.get("format"):
        case "csv":
            name = request.GET.get("figure", "")
            if name not in files:
                raise Http404
            return download(_csv(files, name), f"{stem}_{name}.csv")
        case "zip":
            archive = {f"{name}.csv": _csv(files, name) for name in files}
            return download(zip_bytes(archive), f"{stem}.zip")
    return None


def _csv(files: Files, name: str) -> bytes:
    header, rows = files[name]
    return csv_bytes(header=header, rows=rows)


def _kept(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


class _Echo:
    """A file that hands back what is written."""

    def write(self, line: str) -> str:
        return line
