"""Read a dashboard as a person does: its address, its page, its files."""

import csv
import io
import zipfile
from decimal import Decimal

from django.urls import reverse


def address(name: str = "organisation", query: str = "period=2026", **kwargs: str) -> str:
    return f"{reverse(name, kwargs={'organisation_slug': 'laboratory', **kwargs})}?{query}"


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def figures(client, query: str = "", name: str = "organisation", **kwargs: str):
    """The page's files, by figure."""
    response = client.get(address(name, f"period=2026&format=zip&{query}", **kwargs))
    assert response.status_code == 200
    archive = zipfile.ZipFile(io.BytesIO(response.content))
    return {one.removesuffix(".csv"): rows(archive.read(one)) for one in archive.namelist()}


def summary(client, query: str = "", name: str = "organisation", **kwargs: str):
    return {row["Figure"]: row["2026"] for row in figures(client, query, name, **kwargs)["summary"]}


def column(table, name: str) -> Decimal:
    (found,) = [key for key in table[0] if key.startswith(name)]
    return sum(Decimal(row[found]) for row in table)
