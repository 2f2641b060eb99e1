"""Old Excel files (XLS): as few records in a compound file as a spreadsheet program reads."""

from struct import pack

SECTOR = 512
END, FREE, FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def old_workbook(
    sheets: dict[str, list[list[object]]], *, top: int = 0, far: tuple[int, int] | None = None
) -> bytes:
    """Return an XLS file of texts and numbers, `top` rows down; `far` is one more cell."""
    bodies = [_sheet(rows, top, far) for rows in sheets.values()]
    names = [name.encode("utf-16-le") for name in sheets]
    start = len(_bof(5)) + sum(12 + len(name) for name in names) + 4
    directory = b""
    for name, body in zip(names, bodies, strict=True):
        head = pack("<IHBB", start, 0, len(name) // 2, 1)
        directory += _record(0x85, head + name)
        start += len(body)
    return _compound(_bof(5) + directory + _record(0x0A, b"") + b"".join(bodies))


def _record(kind: int, data: bytes) -> bytes:
    return pack("<HH", kind, len(data)) + data


def _bof(kind: int) -> bytes:
    return _record(0x809, pack("<HHHHII", 0x600, kind, 0, 1996, 0, 6))


def _sheet(rows: list[list[object]], top: int, far: tuple[int, int] | None) -> bytes:
    found = _bof(0x10)
    for row, cells in enumerate(rows, start=top):
        for column, cell in enumerate(cells):
            if isinstance(cell, int | float):
                found += _record(0x203, pack("<HHHd", row, column, 0, cell))
            elif cell:
                text = str(cell)
                data = pack("<HHHHB", row, column, 0, len(text), 1) + text.encode("utf-16-le")
                found += _record(0x204, data)
    if far is not None:
        found += _record(0x203, pack("<HHHd", *far, 0, 1.0))
    return found + _record(0x0A, b"")


def _compound(stream: bytes) -> bytes:
    """Return a compound file whose only stream is the workbook."""
    stream += bytes(max(4096 - len(stream), 0))
    sectors = -(-len(stream) // SECTOR)
    tables = -(-(sectors + 2) * 4 // SECTOR)
    while tables * SECTOR // 4 < sectors + 1 + tables:
        tables += 1
    chain = [FAT] * tables + [END] + list(range(tables + 2, tables + 1 + sectors)) + [END]
    chain += [FREE] * (tables * SECTOR // 4 - len(chain))
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16)
    header += pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += pack("<IIIIIIIII", 0, tables, tables, 0, 4096, END, 0, END, 0)
    header += pack("<109I", *range(tables), *[FREE] * (109 - tables))
    root = _entry("Root Entry", 5, END, 0, child=1)
    book = _entry("Workbook", 2, tables + 1, len(stream))
    folder = root + book + bytes(SECTOR - 256)
    padded = stream + bytes(sectors * SECTOR - len(stream))
    return header + pack(f"<{len(chain)}I", *chain) + folder + padded


def _entry(name: str, kind: int, start: int, size: int, *, child: int = -1) -> bytes:
    text = name.encode("utf-16-le")
    head = text.ljust(64, b"\0") + pack("<HBB", len(text) + 2, kind, 1)
    return head + pack("<iii36xIQ", -1, -1, child, start, size)
