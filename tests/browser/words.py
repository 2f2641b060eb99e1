"""What a person reads on a page, as numbers."""

import re

from playwright.sync_api import Locator, Page

KILOGRAMS = {"g": 0.001, "kg": 1.0, "t": 1000.0, "lb": 0.45359237}


def kilograms(text: str) -> float:
    """Return a mass as it is written: "4.39 t CO₂e" is 4390. [kg]"""
    found = re.search(r"([−-]?[\d,.]+)\s*(g|kg|t|lb)\b", text)
    assert found, f"no mass in {text!r}"
    amount, unit = found.groups()
    return float(amount.replace(",", "").replace("−", "-")) * KILOGRAMS[unit]


def stat(page: Page, label: str) -> Locator:
    """Return the figure under a label."""
    return page.locator(".stat").filter(has_text=label).locator(".stat-value").first


def field(page: Page, label: str) -> Locator:
    """Return a form's control by its label, word for word."""
    return page.get_by_label(re.compile(rf"^\s*{re.escape(label)}(\s+optional)?\s*$"))
